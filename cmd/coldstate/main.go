// Coldstate takes people's files, settings and accounts out of a Windows that
// is not running into a store.
//
// What this package keeps to when it talks to people:
//
//   - Data goes to standard output, everything else to standard error; with
//     --json standard output holds JSON only.
//   - A message says what, where and why; a "hint:" line says what to do.
//   - The last line of a job, and of every command that fails, is RESULT: …,
//     on the terminal and in the log. Commands that print data end with it.
//   - Exit status: 0 complete, 1 failed, 2 usage or configuration, 3 finished
//     but something in scope was not captured, 4 needs a decision or a key,
//     130 interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/coldstate/coldstate/migxml"
)

// Exit statuses.
const (
	statusOK          = 0
	statusFailed      = 1
	statusUsage       = 2
	statusIncomplete  = 3
	statusDecision    = 4
	statusInterrupted = 130
)

type cli struct {
	Log string `help:"Also write messages to this file." placeholder:"FILE" type:"path"`

	Inspect inspectCmd `cmd:"" help:"Show every Windows on the sources: version, users, drives, volumes."`
	Capture captureCmd `cmd:"" help:"Take files and settings out of an offline Windows into a store."`
	Ls      lsCmd      `cmd:"" help:"List a folder of a store or of a source."`
	Find    findCmd    `cmd:"" help:"Find names in a store or a source."`
	Cat     catCmd     `cmd:"" help:"Print a file of a store or a source."`
	Extract extractCmd `cmd:"" help:"Take files out of a store or a source into a folder."`
	Verify  verifyCmd  `cmd:"" help:"Check a store: every byte of it."`
	Plan    planCmd    `cmd:"" help:"Show the local groups that each user was in, and shall be in."`
	Explain explainCmd `cmd:"" help:"Say whether a path would be taken, by which rule, or why not; of a store, what happened to it."`
	Reg     regCmd     `cmd:"" help:"Print registry keys of an offline Windows, or of a hive file."`
	Rules   rulesCmd   `cmd:"" help:"List, show, check and make rule files."`
	Demo    demoCmd    `cmd:"" help:"Run the main job on a small Windows disk that is built into the program."`
	Version versionCmd `cmd:"" help:"Print the version of the program."`
}

// app is what the commands share: where they talk to.
type app struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	log    *os.File // nil without --log
	// ending is the RESULT line of the job at hand, printed behind all other
	// messages.
	ending string
	asker  *asker
}

// failure is an error with an exit status and advice.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(status int, err error, hint string) error { return &failure{status, err, hint} }

func usagef(format string, args ...any) error {
	return &failure{status: statusUsage, err: fmt.Errorf(format, args...)}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first interrupt asks the job to end; a second one ends the program.
	context.AfterFunc(ctx, stop)
	a := &app{ctx: ctx, stdout: stdout, stderr: stderr}
	defer func() {
		if a.log != nil {
			a.log.Close()
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			a.message("error", fmt.Sprintf("the program made a mistake: %v", r))
			a.message("hint", "please report this with the following lines; the source was not changed, and a store that was being written is not sealed")
			fmt.Fprintf(stderr, "%s", debug.Stack())
			a.result("failed: a mistake of the program")
			a.conclude()
			status = statusFailed
		}
	}()

	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("coldstate"),
		kong.Description("Takes people's files, settings and accounts out of a Windows that is not running, into a store that public tools can open."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(a),
	)
	if err != nil {
		fmt.Fprintln(stderr, "coldstate: error:", err)
		return statusFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 {
		// --help was printed.
		return exited
	}
	if err != nil {
		a.message("error", hideRecovery(err.Error()))
		a.message("hint", "coldstate --help lists the commands, coldstate COMMAND --help its flags with an example")
		a.result("failed with status 2")
		a.conclude()
		return statusUsage
	}
	if err := checkRepeated(kctx); err != nil {
		return a.finish(err)
	}
	if c.Log != "" {
		if err := checkLog(c.Log, kctx); err != nil {
			return a.finish(err)
		}
		f, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			a.message("error", fmt.Sprintf("the log cannot be written: %v", err))
			a.result("failed with status 2")
			a.conclude()
			return statusUsage
		}
		a.log = f
		fmt.Fprintf(f, "%s coldstate %s\n", time.Now().UTC().Format(time.RFC3339), printable(hideKeys(args)))
	}
	return a.finish(kctx.Run())
}

// checkLog refuses a log that is one of the things the command is about, or
// lies in one of them: writing it would change a source or break a store.
func checkLog(log string, kctx *kong.Context) error {
	refuse := func(format string, args ...any) error {
		return fail(statusUsage, fmt.Errorf("--log "+format, args...), "name a file on another disk; nothing was written")
	}
	if strings.HasPrefix(log, `\\.\`) || strings.HasPrefix(log, `\\?\GLOBALROOT`) {
		return refuse("%s: a device is no log file", log)
	}
	fi, err := os.Stat(log)
	if err == nil && fi.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice {
		return refuse("%s: a device is no log file", log)
	}
	var values []*kong.Value
	for _, f := range kctx.Selected().Flags {
		values = append(values, f.Value)
	}
	for n := kctx.Selected(); n != nil; n = n.Parent {
		values = append(values, n.Positional...)
	}
	for _, v := range values {
		for _, text := range texts(v.Target) {
			names := []string{text}
			isSource := v.Name == "source" || v.Name == "store"
			if v.Name == "offline" && text != "" {
				names, isSource = append(names, offlinePlaces(text)...), true
			}
			if _, name, ok := strings.Cut(text, "="); ok {
				names = append(names, name) // --map D=/dev/sdb1
			}
			for _, name := range names {
				other, oerr := os.Stat(name)
				switch {
				case name == "" || oerr != nil:
				case err == nil && os.SameFile(fi, other):
					return refuse("%s is %s, which the command is about", log, name)
				case other.IsDir() && isSource && inside(log, name):
					return refuse("%s lies in %s, in which nothing is written", log, name)
				}
			}
		}
	}
	return nil
}

// texts are the strings of a flag or argument.
func texts(v reflect.Value) []string {
	switch x := v.Interface().(type) {
	case string:
		return []string{x}
	case []string:
		return x
	}
	return nil
}

// inside says whether the host path name, which need not exist, is dir or
// lies below it, links resolved.
func inside(name, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	name, err = filepath.Abs(name)
	if err != nil {
		return false
	}
	// The part that exists, as the host has it.
	for {
		real, err := filepath.EvalSymlinks(name)
		if err == nil {
			name = real
			break
		}
		up := filepath.Dir(name)
		if up == name {
			return false
		}
		if to, err := os.Readlink(name); err == nil {
			// A link to what is not there yet.
			if !filepath.IsAbs(to) {
				to = filepath.Join(up, to)
			}
			return inside(filepath.Dir(to), dir)
		}
		name = up
	}
	for {
		if fi, err := os.Stat(name); err == nil && os.SameFile(fi, want) {
			return true
		}
		up := filepath.Dir(name)
		if up == name {
			return false
		}
		name = up
	}
}

// finish tells the person how a command ended and gives the exit status.
func (a *app) finish(err error) int {
	defer a.conclude()
	if err == nil {
		return statusOK
	}
	status, hint := statusFailed, ""
	var f *failure
	var unsupported *migxml.UnsupportedError
	switch {
	case errors.As(err, &f):
		status, hint = f.status, f.hint
	case errors.As(err, &unsupported):
		status = statusUsage
	case errors.Is(err, context.Canceled):
		status = statusInterrupted
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the path"
	case errors.Is(err, fs.ErrPermission):
		hint = "raw disks and other people's files need the rights of an administrator (root)"
	}
	if err.Error() != "" {
		a.errors(err)
	}
	if hint != "" {
		a.message("hint", hint)
	}
	if a.ending == "" {
		a.result(fmt.Sprintf("failed with status %d", status))
	}
	return status
}

// message prints a line for people: "coldstate: error: …". Whatever is in text,
// names from a disk too, it is one line.
func (a *app) message(kind, text string) {
	line := "coldstate: " + kind + ": " + printable(text)
	fmt.Fprintln(a.stderr, line)
	a.logLine(line)
}

// errors prints err, a message for each error that was joined to it.
func (a *app) errors(err error) {
	for _, text := range errorLines(err) {
		a.message("error", text)
	}
}

// errorLines is the text of err, a line for each error that was joined to it.
// What breaks a line otherwise is a part of a name.
func errorLines(err error) []string {
	text := err.Error()
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var parts, lines []string
		for _, err := range e.Unwrap() {
			parts = append(parts, err.Error())
			lines = append(lines, errorLines(err)...)
		}
		if strings.Join(parts, "\n") == text {
			return lines
		}
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		if inner == nil {
			break
		}
		if before, ok := strings.CutSuffix(text, inner.Error()); ok {
			lines := errorLines(inner)
			lines[0] = before + lines[0]
			return lines
		}
	}
	return []string{text}
}

// result sets the last line of a job; conclude prints it.
func (a *app) result(text string) { a.ending = text }

// conclude prints the last line of a job, if there is one.
func (a *app) conclude() {
	if a.ending == "" {
		return
	}
	line := "RESULT: " + printable(a.ending)
	a.ending = ""
	fmt.Fprintln(a.stderr, line)
	a.logLine(line)
}

func (a *app) logLine(line string) {
	if a.log != nil {
		fmt.Fprintf(a.log, "%s %s\n", time.Now().UTC().Format("15:04:05"), line)
	}
}

// printable keeps names from a disk from driving the terminal, and from
// looking like lines of the program: control characters and broken bytes are
// written \xNN, marks that turn the direction of writing \uNNNN.
func printable(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == 0xfffd && s[i] != 0xef:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == 0xfffd || !unprintable(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool {
	switch {
	case r < ' ', 0x7f <= r && r < 0xa0, r == 0xfffd:
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
		return true // marks of direction, separators of lines
	}
	return false
}
