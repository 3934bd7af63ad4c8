//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// patch changes an unmounted volume as the list says.
func patch(image, patches string) error {
	vol, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	list, err := os.ReadFile(patches)
	if err != nil {
		return err
	}
	cluster := int64(vol[13]) * int64(le.Uint16(vol[11:]))
	mft := int64(le.Uint64(vol[48:])) * cluster
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		switch f[0] {
		case "size": // for the manifest
		case "attributes":
			number, err := strconv.ParseUint(f[1], 10, 32)
			if err != nil {
				return err
			}
			value, err := strconv.ParseUint(f[2], 16, 32)
			if err != nil {
				return err
			}
			rec := vol[mft+int64(number)*1024:][:1024]
			// The first attribute of a record is $STANDARD_INFORMATION, and
			// is resident.
			attr := rec[le.Uint16(rec[20:]):]
			if string(rec[:4]) != "FILE" || le.Uint32(rec[44:]) != uint32(number) || le.Uint32(attr) != 0x10 {
				return fmt.Errorf("record %d is not where it is looked for", number)
			}
			le.PutUint32(attr[le.Uint16(attr[20:])+32:], uint32(value))
		case "name":
			from, err := hex.DecodeString(f[1])
			if err != nil {
				return err
			}
			to, err := hex.DecodeString(f[2])
			if err != nil {
				return err
			}
			if n := bytes.Count(vol, from); n != 2 {
				return fmt.Errorf("the name %s is there %d times, not twice (MFT and index)", f[1], n)
			}
			copy(vol, bytes.ReplaceAll(vol, from, to))
		default:
			return fmt.Errorf("unknown patch %q", line)
		}
	}
	// A fixed serial number; the backup boot sector has it, too.
	serial := []byte{0x15, 0x90, 0x0e, 0x3c, 0x4a, 0x0e, 0x3c, 0x70}
	copy(vol[72:], serial)
	copy(vol[len(vol)-512+72:], serial)
	return os.WriteFile(image, vol, 0o644)
}
