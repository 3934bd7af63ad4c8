//go:build linux

// Command mktree is the part of testimages/build.sh that shell cannot do
// well. It fills a mounted NTFS volume, patches what ntfs-3g cannot write,
// and writes down what ntfs-3g shows.
//
//	mktree fill DIR PATCHES         make the tree below the mount point DIR
//	mktree patch IMAGE PATCHES      patch the unmounted volume
//	mktree manifest DIR PATCHES     print the manifest of the mounted volume
//	mktree second DIR               add the folder Windows2
//	mktree pack IMAGE [BELOW]       print the image as package testimages packs it
//
// The volume is mounted with -o permissions,compression,streams_interface=xattr.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/coldstate/coldstate/testimages"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mktree:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "fill":
		return fill(args[1], args[2])
	case len(args) == 3 && args[0] == "patch":
		return patch(args[1], args[2])
	case len(args) == 3 && args[0] == "manifest":
		return manifest(args[1], args[2])
	case len(args) == 2 && args[0] == "second":
		return second(args[1])
	case (len(args) == 2 || len(args) == 3) && args[0] == "pack":
		below := ""
		if len(args) == 3 {
			below = args[2]
		}
		return pack(args[1], below)
	}
	return fmt.Errorf("usage: see the comment of the package")
}

func pack(image, below string) error {
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	if below == "" {
		err = testimages.Pack(&raw, f, nil, info.Size())
	} else {
		b, e := os.Open(below)
		if e != nil {
			return e
		}
		defer b.Close()
		err = testimages.Pack(&raw, f, b, info.Size())
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(raw.Bytes())
	return err
}
