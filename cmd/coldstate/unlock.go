package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/bitlocker"
)

// unlockFlags are what volumes are unlocked with that BitLocker keeps. Their
// values are secrets: nothing that is written holds them.
type unlockFlags struct {
	Unlock     []string `help:"A key of BitLocker: a recovery password, a password, or the path of a .BEK file. Others on this computer may see it: prefer --unlock-file." placeholder:"KEY" sep:"none"`
	UnlockFile []string `help:"Keys of BitLocker from a file: one a line, or a file as Windows writes it for a recovery password or startup key." placeholder:"FILE" sep:"none"`
}

// unlockVariable is the environment variable with keys of BitLocker, one a line.
const unlockVariable = "COLDSTATE_UNLOCK"

// maxKeyFile bounds files with keys; one is a few hundred bytes.
const maxKeyFile = 1 << 20

// recoveryPattern finds recovery passwords in texts.
var recoveryPattern = regexp.MustCompile(`\d{6}([- ]?\d{6}){7}`)

// secrets reads all the keys that a person gave.
func (f *unlockFlags) secrets() ([]bitlocker.Secret, error) {
	var out []bitlocker.Secret
	add := func(where, text string) error {
		s, err := secretOf(text)
		if err != nil {
			return fail(statusUsage, fmt.Errorf("%s: %w", where, err), "compare it with what was printed or saved; inspect shows which recovery password a volume wants, by its id")
		}
		out = append(out, s)
		return nil
	}
	for _, text := range f.Unlock {
		if err := add("--unlock", text); err != nil {
			return nil, err
		}
	}
	for _, name := range f.UnlockFile {
		b, err := readKeyFile(name)
		if err != nil {
			return nil, fail(statusUsage, fmt.Errorf("--unlock-file: %w", err), "check the path")
		}
		if bitlocker.IsBEK(b) {
			s, err := bitlocker.ParseBEK(b)
			if err != nil {
				return nil, fail(statusUsage, fmt.Errorf("--unlock-file %s: %w", name, err), "")
			}
			out = append(out, s)
			continue
		}
		found := false
		for n, line := range keyLines(b) {
			if line == "" {
				continue
			}
			if err := add(fmt.Sprintf("--unlock-file %s:%d", name, n+1), line); err != nil {
				return nil, err
			}
			found = true
		}
		if !found {
			return nil, fail(statusUsage, fmt.Errorf("--unlock-file %s: no key is in it", name), "a file with one key a line is wanted, or one that Windows wrote")
		}
	}
	for line := range strings.Lines(os.Getenv(unlockVariable)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			if err := add("the environment variable "+unlockVariable, line); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// secretOf is a key as a person gives it: the path of a .BEK file, a recovery
// password, or a password.
func secretOf(text string) (bitlocker.Secret, error) {
	named := strings.EqualFold(filepath.Ext(text), ".bek")
	if fi, err := os.Stat(text); err == nil && fi.Mode().IsRegular() && (named || fi.Size() < maxKeyFile) {
		b, err := readKeyFile(text)
		if err != nil {
			return bitlocker.Secret{}, err
		}
		if named || bitlocker.IsBEK(b) {
			s, err := bitlocker.ParseBEK(b)
			if err != nil {
				err = fmt.Errorf("%s: %w", text, err)
			}
			return s, err
		}
	} else if named { // a password may end so, but hardly does
		return bitlocker.Secret{}, fmt.Errorf("the .BEK file %s is not there", text)
	}
	return bitlocker.ParseSecret(text)
}

func readKeyFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(b) > maxKeyFile {
		err = fmt.Errorf("%s: is too large for a file with keys", name)
	}
	return b, err
}

// keyLines are the lines of a file with keys. Of a file as Windows writes it,
// UTF-16 with sentences for people, only the recovery passwords count.
func keyLines(b []byte) []string {
	windows := bytes.HasPrefix(b, []byte("\xFF\xFE"))
	if windows {
		var u []uint16
		for b = b[2:]; len(b) >= 2; b = b[2:] {
			u = append(u, binary.LittleEndian.Uint16(b))
		}
		b = []byte(string(utf16.Decode(u)))
	}
	b = bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF"))
	var out []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if windows {
			line = recoveryPattern.FindString(line)
		}
		out = append(out, line)
	}
	return out
}

// hideKeys takes the values of --unlock and all that looks like a recovery
// password out of a text about the command line.
func hideKeys(args []string) string {
	args = slices.Clone(args)
	for i, arg := range args {
		switch {
		case arg == "--unlock" && i+1 < len(args):
			args[i+1] = "***"
		case strings.HasPrefix(arg, "--unlock="):
			args[i] = "--unlock=***"
		}
	}
	return hideRecovery(strings.Join(args, " "))
}

func hideRecovery(text string) string { return recoveryPattern.ReplaceAllString(text, "***") }

// asker asks a person for keys on the terminal.
type asker struct {
	a        *app
	declined map[string]bool
	given    []bitlocker.Secret
	tried    map[*volumes.Volume]int // of those given
}

// ask is volumes.Options.Ask.
func (k *asker) ask(v *volumes.Volume, locked error) (bitlocker.Secret, bool) {
	var none bitlocker.Secret
	name := fmt.Sprintf("%s:%d", v.Source.Path, v.Offset)
	if k.declined[name] || k.a.ctx.Err() != nil || !opensByHand(locked) {
		return none, false
	}
	// A source may be opened more than once: nothing is asked for twice.
	if n := k.tried[v]; n < len(k.given) {
		k.tried[v]++
		return k.given[n], true
	}
	tty, err := openTerminal()
	if err != nil {
		return none, false
	}
	defer tty.Close()
	fmt.Fprintf(tty.out, "Volume %d in %s is %s.\n", v.Number, printable(v.Source.Path), printable(locked.Error()))
	for {
		fmt.Fprint(tty.out, "Recovery password, password or .BEK file (not shown; nothing leaves it locked): ")
		text, err := tty.readSecret(k.a.ctx)
		fmt.Fprintln(tty.out)
		if err != nil || text == "" {
			k.declined[name] = true
			return none, false
		}
		s, err := secretOf(text)
		if err == nil {
			k.given = append(k.given, s)
			k.tried[v] = len(k.given)
			return s, true
		}
		fmt.Fprintf(tty.out, "%s.\n", printable(err.Error()))
	}
}

// opensByHand says whether a volume has a protector that a person can open.
func opensByHand(locked error) bool {
	le, ok := errors.AsType[*bitlocker.LockedError](locked)
	return ok && slices.ContainsFunc(le.Protectors, func(p bitlocker.Protector) bool {
		return p.Kind == bitlocker.RecoveryPassword || p.Kind == bitlocker.Password || p.Kind == bitlocker.ExternalKey
	})
}

// unlockOptions completes the options of a set of sources with the keys that a
// person gave, and with a way to ask for more where that is wanted.
func (a *app) unlockOptions(f *unlockFlags, opt *volumes.Options, ask bool) error {
	list, err := f.secrets()
	if err != nil {
		return err
	}
	if a.asker == nil {
		a.asker = &asker{a: a, declined: map[string]bool{}, tried: map[*volumes.Volume]int{}}
	}
	opt.Unlock = list
	if stderr, ok := a.stderr.(*os.File); ask && ok && stderr == os.Stderr && isTerminal(os.Stdin) {
		opt.Ask = a.asker.ask
	}
	return nil
}

// wrongKeys is the error of volumes that stay locked although a key of the
// right kind was given, nil when there are none.
func (s *source) wrongKeys() error {
	var errs []error
	hint := ""
	for _, v := range s.set.Volumes {
		_, err := v.FS()
		ve, _ := errors.AsType[*volumes.VolumeError](err)
		if le, ok := errors.AsType[*bitlocker.LockedError](err); ok && len(le.Tried) > 0 {
			errs = append(errs, fmt.Errorf("volume %d: %w", v.Number, ve.Err))
			hint = ve.Hint + "; without any key the work goes on without the volume"
		}
	}
	if errs == nil {
		return nil
	}
	return fail(statusDecision, errors.Join(errs...), hint)
}

// lockedHint says what to do with a locked volume, "" when there is none.
func (s *source) lockedHint() string {
	hint := ""
	for _, v := range s.set.Volumes {
		if _, err := v.FS(); errors.Is(err, volumes.ErrLocked) {
			if ve, ok := errors.AsType[*volumes.VolumeError](err); ok && ve.Hint != "" {
				hint = ve.Hint
			}
		}
	}
	return hint
}

// terminal is where a person types, whatever standard input and output are.
type terminal struct {
	in, out *os.File
}

func (t *terminal) Close() error {
	err := t.in.Close()
	if t.out != t.in {
		err = errors.Join(err, t.out.Close())
	}
	return err
}

// readSecret reads a line without showing it.
func (t *terminal) readSecret(ctx context.Context) (string, error) {
	restore, err := hideInput(t.in)
	if err != nil {
		return "", err
	}
	defer restore()
	type answer struct {
		text string
		err  error
	}
	c := make(chan answer, 1)
	go func() {
		var line []byte
		b := make([]byte, 1)
		for {
			n, err := t.in.Read(b)
			if err != nil || n == 0 || len(line) > maxKeyFile {
				c <- answer{err: cmp.Or(err, io.ErrUnexpectedEOF)}
				return
			}
			if b[0] == '\n' {
				c <- answer{text: strings.TrimSuffix(string(line), "\r")}
				return
			}
			line = append(line, b[0])
		}
	}()
	select {
	case got := <-c:
		return got.text, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
