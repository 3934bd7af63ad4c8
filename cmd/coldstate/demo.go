package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
)

type demoCmd struct {
	To string `help:"A new folder for the disk image and the store." placeholder:"DIR"`
}

func (demoCmd) Help() string {
	return `Writes the built-in disk image (a small Windows 10 with three users) into a new
folder, shows what is on it, captures it by the built-in rules, verifies the
store, and says what is in it.

Example:
  coldstate demo
  coldstate demo --to /tmp/look`
}

func (c *demoCmd) Run(a *app) error {
	dir := c.To
	if dir == "" {
		d, err := os.MkdirTemp("", "coldstate-demo-")
		if err != nil {
			return err
		}
		dir = d
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	image, to := filepath.Join(dir, "disk.img"), filepath.Join(dir, "store")
	if err := reserve(image, to); err != nil {
		return err
	}
	if err := testimages.WriteDisk(image); err != nil {
		return fmt.Errorf("the sample disk cannot be written: %w", err)
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }

	say("The sample disk is %s.\n\n$ coldstate inspect disk.img", image)
	if err := (&inspectCmd{Source: []string{image}}).Run(a); err != nil {
		return err
	}
	say("\n$ coldstate capture disk.img --to store")
	// The sample holds a user whose settings are broken, as real disks do: the
	// capture ends with status 3 and names what is missing.
	cap := &captureCmd{To: to, Source: []string{image}, SegmentSize: "2G", Progress: "auto"}
	capErr := cap.Run(a)
	var f *failure
	if capErr != nil && !(errors.As(capErr, &f) && f.status == statusIncomplete) {
		return capErr
	}
	a.conclude()
	say("\n$ coldstate verify store")
	if err := (&verifyCmd{Store: to, Progress: "auto"}).Run(a); err != nil {
		return err
	}
	a.conclude()
	say("\n$ coldstate ls store 'C:\\Users\\anna\\Documents'")
	if err := (&lsCmd{Source: to, Path: `C:\Users\anna\Documents`}).Run(a); err != nil {
		return err
	}
	s, err := openStore(to)
	if err != nil {
		return err
	}
	defer s.Close()
	kinds := map[store.Kind]int{}
	for o, err := range s.Objects() {
		if err != nil {
			return err
		}
		kinds[o.Kind]++
	}
	say("\nThe store is %s. It holds %d files, %d folders, %d streams, %d links,\n%d registry keys and %d values. Public tools open it:\n\n  cat %s.* | zstd -d | tar -t",
		to, kinds[store.File], kinds[store.Folder], kinds[store.Stream], kinds[store.Link], kinds[store.Key], kinds[store.Value], filepath.Join(to, "data.tar.zst"))
	a.result("the demo ran to its end; " + dir + " can be deleted")
	return nil
}

// reserve creates the file image, and makes sure that nothing is called to:
// whatever is in a folder that a person named is left as it is.
func reserve(image, to string) error {
	const hint = "name a new folder with --to, or none for one among the temporary files"
	if _, err := os.Lstat(to); err == nil {
		return fail(statusUsage, fmt.Errorf("%s exists already; nothing is overwritten", to), hint)
	}
	f, err := os.OpenFile(image, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fail(statusUsage, fmt.Errorf("%s exists already; nothing is overwritten", image), hint)
	}
	if err != nil {
		return fail(statusFailed, fmt.Errorf("the sample disk cannot be written: %w", err), hint)
	}
	return f.Close()
}
