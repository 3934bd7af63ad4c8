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
	Reg     regCmd     `cmd:"" help:"Print registry keys of an offline Windows, or of a hive file."`
	Rules   rulesCmd   `cmd:"" help:"List, show and check rule files."`
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
		a.message("error", err.Error())
		a.message("hint", "coldstate --help lists the commands, coldstate COMMAND --help its flags with an example")
		a.result("failed with status 2")
		a.conclude()
		return statusUsage
	}
	if c.Log != "" {
		f, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			a.message("error", fmt.Sprintf("the log cannot be written: %v", err))
			a.result("failed with status 2")
			a.conclude()
			return statusUsage
		}
		a.log = f
		fmt.Fprintf(f, "%s coldstate %s\n", time.Now().UTC().Format(time.RFC3339), strings.Join(args, " "))
	}
	return a.finish(kctx.Run())
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
		a.message("error", err.Error())
	}
	if hint != "" {
		a.message("hint", hint)
	}
	if a.ending == "" {
		a.result(fmt.Sprintf("failed with status %d", status))
	}
	return status
}

// message prints a line for people: "coldstate: error: …".
func (a *app) message(kind, text string) {
	line := "coldstate: " + kind + ": " + printable(text)
	fmt.Fprintln(a.stderr, line)
	a.logLine(line)
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

// printable keeps names from a disk from driving the terminal: control
// characters and broken bytes are written \xNN.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == 0xfffd && s[i] != 0xef:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
