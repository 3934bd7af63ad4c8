package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/regtext"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
)

type regCmd struct {
	sourceFlags
	Format string   `help:"text, reg, json or tsv." enum:"text,reg,json,tsv" default:"text"`
	NoLogs bool     `name:"no-logs" help:"Read a hive file as it is, without the transaction logs beside it."`
	User   string   `help:"Whose HKCU, when there are several users: name, SID or pattern." placeholder:"PATTERN"`
	Source string   `arg:"" optional:"" help:"A hive file, or a source with an offline Windows."`
	Key    []string `arg:"" optional:"" help:"Keys to print with what is below: HKLM\\SOFTWARE\\…, HKCU\\…; in a hive file paths below its root."`
}

func (regCmd) Help() string {
	return `A hive that Windows did not write out completely is completed with the
transaction logs (.LOG1, .LOG2, .LOG) beside it, in memory.

Of the hive files SAM and SECURITY only names, lengths and SHA-1 sums are
shown, never data; of a Windows they are not shown at all.

Example:
  coldstate reg disk.img 'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
  coldstate reg NTUSER.DAT 'Control Panel\Desktop' --format reg
  coldstate reg disk.img 'HKCU\Software\SimonTatham' --user anna --format json`
}

// maxHiveFile is the largest hive that is read: the kernel refuses 2 GiB.
const maxHiveFile = 2<<30 - 1

func (c *regCmd) Run(a *app) error {
	out := bufio.NewWriterSize(a.stdout, 256<<10)
	p := &regPrinter{a: a, w: out, format: c.Format}
	err := c.run(a, p)
	if ferr := p.end(); err == nil {
		err = ferr
	}
	if err != nil {
		return err
	}
	return p.problems()
}

func (c *regCmd) run(a *app, p *regPrinter) error {
	var err error
	if c.Source, c.Key, err = c.shift(c.Source, c.Key...); err != nil {
		return err
	}
	h, err := c.openHiveFile(a)
	if err != nil {
		return err
	}
	if h != nil {
		for _, f := range []struct {
			name  string
			given bool
		}{{"--windows", c.Windows != ""}, {"--map", len(c.Map) > 0}, {"--arch", c.Arch != ""}, {"--user", c.User != ""}} {
			if f.given {
				return fail(statusUsage, fmt.Errorf("%s is about a Windows, and %s is a hive file", f.name, c.Source), "leave it out, or give the disk or the folder of the Windows as the source")
			}
		}
		p.note(h, c.Source)
		secret := secretRoot(h)
		if secret && c.Format == "reg" {
			return fail(statusUsage, fmt.Errorf("%s: a hive with password material is not exported", c.Source), "--format tsv shows names, lengths and sums")
		}
		if len(c.Key) == 0 {
			return p.print(h.Root(), "", secret)
		}
		for _, path := range c.Key {
			k, err := h.Root().Key(path)
			if err != nil {
				return regError(c.Source, path, err)
			}
			if err := p.print(k, strings.Trim(path, `\`), secret); err != nil {
				return err
			}
		}
		return nil
	}
	src, err := a.openSource(sources(c.Source), c.sourceFlags)
	if err != nil {
		return err
	}
	defer src.Close()
	sys, err := src.system()
	if err != nil {
		return err
	}
	if len(c.Key) == 0 {
		return fail(statusUsage, errors.New("which key? The registry of a whole Windows is too much for one answer"), `for example coldstate reg `+c.Source+` "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"`)
	}
	for _, path := range c.Key {
		if err := c.key(a, p, sys, strings.Trim(path, `\`)); err != nil {
			return err
		}
	}
	return nil
}

// key prints one key of an offline Windows.
func (c *regCmd) key(a *app, p *regPrinter, sys *offline.System, path string) error {
	root, rest, _ := strings.Cut(path, `\`)
	switch wstr.Upper(root) {
	case "HKLM", "HKEY_LOCAL_MACHINE":
		name, _, _ := strings.Cut(rest, `\`)
		if wstr.EqualFold(name, "SAM") || wstr.EqualFold(name, "SECURITY") {
			return fail(statusUsage, fmt.Errorf("%s: this hive holds password material and is not printed from a Windows", path), "extract the hive file under its exact path; reg on that file shows lengths and sums, never data")
		}
		k, err := sys.HKLM(rest)
		if err != nil {
			return regError(sys.Name, path, err)
		}
		p.note(k.Hive(), `HKLM\`+name)
		return p.print(k, path, false)
	case "HKCU", "HKEY_CURRENT_USER":
		users, _, err := profile.Users(sys)
		if err != nil {
			return err
		}
		n := 0
		for _, u := range users {
			if !u.Person() || c.User != "" && !profile.Match(u, c.User) {
				continue
			}
			k, err := u.HKCU(rest)
			if errors.Is(err, hive.ErrNotFound) {
				continue
			}
			n++
			if err != nil {
				a.message("error", fmt.Sprintf("%s of %s: %v", path, u.ID, err))
				p.bad++
				continue
			}
			p.note(k.Hive(), "HKCU of "+u.ID)
			p.user = u.ID
			if err := p.print(k, path, false); err != nil {
				return err
			}
		}
		if n == 0 {
			return fail(statusFailed, fmt.Errorf("%s: no user has this key", path), "inspect lists the users; --user chooses among them")
		}
		return nil
	}
	return fail(statusUsage, fmt.Errorf("%s: a key begins with HKLM or HKCU", path), `for example "HKLM\SYSTEM\CurrentControlSet\Control\ComputerName"`)
}

func regError(where, path string, err error) error {
	if errors.Is(err, hive.ErrNotFound) {
		return fail(statusFailed, fmt.Errorf("%s: there is no key %s", where, path), "keys are named without regard to case, with backslashes between")
	}
	return fmt.Errorf("%s: %s: %w", where, path, err)
}

// openHiveFile opens the source when it is a file that looks like a hive, with
// the logs beside it; nil when it is something else.
func (c *regCmd) openHiveFile(a *app) (*hive.Hive, error) {
	path := c.Source
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return nil, nil // openSource says what is wrong
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 8192)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return nil, nil
	}
	if head = head[:n]; !looksLikeHive(head) && (c.NoLogs || !lostBase(head) || len(logsBeside(path)) == 0) {
		return nil, nil
	}
	if fi.Size() > maxHiveFile {
		return nil, fail(statusUsage, fmt.Errorf("%s: %d bytes are more than a registry hive can have", path, fi.Size()), "")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h, err := hive.Open(b)
	if (err != nil || h.Dirty()) && !c.NoLogs {
		var logs []hive.Log
		for _, name := range logsBeside(path) {
			data, err := readLog(filepath.Join(filepath.Dir(path), name))
			if err != nil {
				a.message("warning", err.Error())
				continue
			}
			logs = append(logs, hive.Log{Name: name, Data: data})
		}
		h, err = hive.OpenWithLogs(b, logs)
	}
	if fe, ok := errors.AsType[*hive.FormatError](err); ok {
		return nil, fail(statusFailed, fmt.Errorf("%s: this is no hive that can be read: offset %#x: %s", path, fe.Offset, fe.What), fe.Advice)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// logsBeside names the transaction logs in the folder of a hive file.
func logsBeside(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // the hive is then told to have none
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return hive.LogNames(filepath.Base(path), names)
}

func readLog(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxHiveFile {
		return nil, fmt.Errorf("%s: %d bytes are more than a transaction log can have; it is left out", path, fi.Size())
	}
	return os.ReadFile(path)
}

// lostBase knows a base block of zeros; a log may have a copy.
func lostBase(head []byte) bool {
	return len(head) >= 4096 && len(bytes.Trim(head[:4096], "\x00")) == 0
}

// looksLikeHive knows a base block, or the first bin behind a destroyed one.
func looksLikeHive(head []byte) bool {
	return bytes.HasPrefix(head, []byte("regf")) || len(head) >= 4100 && string(head[4096:4100]) == "hbin"
}

// secretRoot says whether h is a SAM or SECURITY hive.
func secretRoot(h *hive.Hive) bool {
	for _, p := range []string{`SAM\Domains`, `Domains\Account`, `Policy\PolAdtEv`, `Policy\Accounts`, `Policy\Secrets`, `RXACT`, `Cache`} {
		if _, err := h.Root().Key(p); err == nil {
			return true
		}
	}
	name := wstr.Upper(h.Name())
	return strings.HasSuffix(name, `\SAM`) || strings.HasSuffix(name, `\SECURITY`)
}

// regPrinter prints keys in one of the formats.
type regPrinter struct {
	a      *app
	w      *bufio.Writer
	format string
	user   string
	hives  []*hive.Hive
	bad    int

	reg   *regtext.Writer
	first bool
	line  []byte
	sddl  map[*byte]string
}

// note takes a hive that is printed from, and tells how whole it is.
func (p *regPrinter) note(h *hive.Hive, name string) {
	if slices.Contains(p.hives, h) {
		return
	}
	p.hives = append(p.hives, h)
	r := h.Recovery()
	if h.Dirty() && !r.Dirty {
		r.Dirty, r.Unrecovered = true, "Its transaction logs were not read."
	}
	if r.Dirty {
		kind := "note"
		if r.Unrecovered != "" {
			kind = "warning"
		}
		p.a.message(kind, name+": "+r.String())
	}
	if p.format == "json" && r.Dirty {
		p.json(map[string]any{"hive": name, "recovery": r})
	}
}

// print prints k, whose path is as given, and everything below.
func (p *regPrinter) print(k hive.Key, path string, secret bool) error {
	base := k.Depth()
	paths := []string{path} // of the keys from the first to the current one
	return hive.Walk(k, func(k hive.Key) error {
		if err := p.a.ctx.Err(); err != nil {
			return err
		}
		if d := k.Depth() - base; d > 0 {
			name := k.Name()
			if up := paths[d-1]; up != "" {
				name = up + `\` + name
			}
			paths = append(paths[:d], name)
		}
		return p.key(k, paths[len(paths)-1], secret)
	})
}

func (p *regPrinter) key(k hive.Key, full string, secret bool) error {
	switch p.format {
	case "tsv":
		p.line = hive.AppendTSVKey(p.line[:0], full)
		if _, err := p.w.Write(p.line); err != nil {
			return err
		}
	case "text":
		line := "[" + full + "]"
		if t := k.LastWrite().String(); t != "" {
			line += " " + t
		}
		for _, f := range p.facts(k, full, secret) {
			if f.name != "security" {
				line += " " + f.name
				switch v := f.value.(type) {
				case wstr.Text:
					line += "=" + strconv.Quote(string(v))
				case int:
					line += "=" + strconv.Itoa(v)
				}
			}
		}
		fmt.Fprintf(p.w, "%s\n", printable(line))
	case "reg":
		if p.reg == nil {
			p.reg = regtext.NewWriter(p.w)
		}
		if !p.reg.Key(longRoot(full)) {
			p.bad++
			p.a.message("error", fmt.Sprintf("%q: a .reg file cannot hold this name; use --format json", full))
		}
	case "json":
		m := map[string]any{"key": wstr.Text(full), "user": p.user, "modified": k.LastWrite().String()}
		for _, f := range p.facts(k, full, secret) {
			m[f.name] = f.value
		}
		p.json(m)
	}
	for v := range k.Values() {
		if err := p.value(v, full, secret); err != nil {
			return err
		}
	}
	return nil
}

// fact is something about a key that most keys do not have.
type fact struct {
	name  string
	value any
}

// facts tells the class, the flags and the security descriptor of a key. The
// class names of four keys below Lsa are the key to the passwords in SAM:
// as in secret hives only their length is told.
func (p *regPrinter) facts(k hive.Key, full string, secret bool) (out []fact) {
	bad := func(what string, err error) {
		p.bad++
		p.a.message("error", fmt.Sprintf("%s: %s: %v", full, what, err))
	}
	class, err := k.Class()
	switch {
	case err != nil:
		bad("class", err)
	case class == "":
	case secret || bootKey(k):
		out = append(out, fact{"classLength", len(class)})
	default:
		out = append(out, fact{"class", wstr.Text(class)})
	}
	if k.Flags()&hive.FlagLink != 0 {
		target, _ := k.Link()
		out = append(out, fact{"symlink", wstr.Text(target)})
	}
	if n, ok := k.Predefined(); ok {
		out = append(out, fact{"predefined", wstr.Text(fmt.Sprintf("%#x", n))})
	}
	if k.Volatile() {
		out = append(out, fact{"volatile", true})
	}
	if l := k.Layer(); l != hive.LayerMerge {
		out = append(out, fact{"layer", wstr.Text(l.String())})
	}
	if k.InheritClass() {
		out = append(out, fact{"inheritClass", true})
	}
	if p.format != "json" {
		return out
	}
	sd, err := k.Security()
	if err != nil {
		bad("security", err)
		return out
	}
	if len(sd) > 0 {
		text, ok := p.sddl[&sd[0]]
		if !ok {
			d, err := winsec.Parse(sd)
			if err != nil {
				bad("security", err)
				return out
			}
			text = d.SDDL()
			if p.sddl == nil {
				p.sddl = map[*byte]string{}
			}
			p.sddl[&sd[0]] = text // keys share their descriptors
		}
		out = append(out, fact{"security", text})
	}
	return out
}

// bootKey says whether the class name of k is a part of the key with which a
// Windows encrypts its password hashes.
func bootKey(k hive.Key) bool {
	up, ok := k.Parent()
	if !ok || !wstr.EqualFold(up.Name(), "Lsa") {
		return false
	}
	for _, name := range []string{"JD", "Skew1", "GBG", "Data"} {
		if wstr.EqualFold(k.Name(), name) {
			return true
		}
	}
	return false
}

func (p *regPrinter) value(v hive.Value, full string, secret bool) error {
	if p.format == "tsv" {
		line, err := hive.AppendTSVValue(p.line[:0], full, v)
		if err != nil {
			p.damaged(full, v, err) // and its line tells what is known
		}
		p.line = line
		_, err = p.w.Write(line)
		return err
	}
	data, err := v.Data()
	if err != nil {
		p.damaged(full, v, err)
		return nil
	}
	typ := hive.Type(v.Type()).String()
	if secret {
		sum := sha1.Sum(data)
		switch p.format {
		case "json":
			p.json(map[string]any{"key": wstr.Text(full), "value": wstr.Text(v.Name()), "type": typ, "size": len(data), "sha1": hex.EncodeToString(sum[:])})
		default:
			fmt.Fprintf(p.w, "  %s %s %d bytes sha1 %x\n", printable(valueName(v)), typ, len(data), sum)
		}
		return nil
	}
	switch p.format {
	case "reg":
		if !p.reg.Value(v.Name(), uint32(v.Type()), data) {
			p.bad++
			p.a.message("error", fmt.Sprintf("%q [%q]: a .reg file cannot hold this name; use --format json", full, v.Name()))
		}
	case "json":
		m := map[string]any{"key": wstr.Text(full), "value": wstr.Text(v.Name()), "type": typ, "size": len(data), "hex": hex.EncodeToString(data)}
		if v.Tombstone() {
			m["tombstone"] = true
		}
		switch v.Type() {
		case 1, 2, 6:
			m["text"] = wstr.Text(v.Text())
		case 7:
			var list []wstr.Text
			for _, s := range v.Strings() {
				list = append(list, wstr.Text(s))
			}
			m["list"] = list
		case 4, 5, 11:
			if n, ok := v.Uint(); ok {
				m["number"] = n
			}
		}
		p.json(m)
	default:
		text := valueText(v, data)
		if v.Tombstone() {
			text = "tombstone"
		}
		fmt.Fprintf(p.w, "  %s %s %s\n", printable(valueName(v)), typ, printable(text))
	}
	return nil
}

func valueName(v hive.Value) string {
	if v.Name() == "" {
		return "(Default)"
	}
	return v.Name()
}

// valueText shows data on one line.
func valueText(v hive.Value, data []byte) string {
	switch v.Type() {
	case 1, 2, 6:
		return v.Text()
	case 7:
		return strings.Join(v.Strings(), " | ")
	case 4, 5, 11:
		if n, ok := v.Uint(); ok {
			return fmt.Sprintf("%d (%#x)", n, n)
		}
	}
	const most = 32
	if len(data) > most {
		return fmt.Sprintf("% x … (%d bytes)", data[:most], len(data))
	}
	return fmt.Sprintf("% x", data)
}

func (p *regPrinter) damaged(full string, v hive.Value, err error) {
	p.bad++
	p.a.message("error", fmt.Sprintf("%s [%s]: %v", full, v.Name(), err))
}

func (p *regPrinter) json(m map[string]any) {
	b, err := json.Marshal(m)
	if err != nil {
		p.bad++
		return
	}
	sep := ",\n"
	if !p.first {
		sep, p.first = "[\n", true
	}
	p.w.WriteString(sep)
	p.w.Write(b)
}

func (p *regPrinter) end() error {
	if p.format == "json" {
		if !p.first {
			p.w.WriteString("[")
		}
		p.w.WriteString("\n]\n")
	}
	if p.reg != nil {
		if err := p.reg.Err(); err != nil {
			return err
		}
	}
	return p.w.Flush()
}

// problems tells what of the hives is damaged.
func (p *regPrinter) problems() error {
	n := p.bad
	for _, h := range p.hives {
		for _, pr := range h.Problems() {
			p.a.message("damage", pr.String())
		}
		if more := h.ProblemCount() - len(h.Problems()); more > 0 {
			p.a.message("damage", fmt.Sprintf("and %d more", more))
		}
		n += h.ProblemCount()
	}
	if n > 0 {
		return fail(statusIncomplete, fmt.Errorf("%d places of the registry could not be read or written; everything else was printed", n), "")
	}
	return nil
}

func longRoot(path string) string {
	root, rest, _ := strings.Cut(path, `\`)
	for short, long := range map[string]string{"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER"} {
		if wstr.EqualFold(root, short) {
			if rest == "" {
				return long
			}
			return long + `\` + rest
		}
	}
	return path
}
