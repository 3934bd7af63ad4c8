package winfs

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Special says in a sentence what a file with reparse data is that has no
// content to read: a Store alias, or a special file of Linux; "" for others.
// target is where a Store alias leads.
func Special(reparse []byte) (what, target string) {
	if len(reparse) < 8 {
		return "", ""
	}
	switch tag := binary.LittleEndian.Uint32(reparse); tag {
	case TagAppExec:
		return "a Store alias without content: Windows makes it when the app is installed", appTarget(reparse[8:])
	case TagAFUnix:
		return "a socket of Linux: it has no content", ""
	case TagLXFIFO:
		return "a pipe of Linux: it has no content", ""
	case TagLXChar, TagLXBlock:
		return "a device of Linux: it has no content", ""
	case TagNFS:
		// [MS-FSCC] 2.1.2.6: the kind of the Unix file in eight bytes.
		if len(reparse) >= 16 {
			kind := strings.TrimRight(string(reparse[8:16]), "\x00\x01")
			if kind == "LNK" {
				return "a link of NFS: Windows does not follow it", wstr.FromUTF16LE(reparse[16:])
			}
			return fmt.Sprintf("a special file of NFS (%.8q): it has no content", kind), ""
		}
	}
	return "", ""
}

// IsSpecialTag says whether files with that reparse tag have no content to read:
// those of Special.
func IsSpecialTag(tag uint32) bool {
	switch tag {
	case TagAppExec, TagAFUnix, TagLXFIFO, TagLXChar, TagLXBlock, TagNFS:
		return true
	}
	return false
}

// appTarget is the program of a Store alias: after the version 3 come strings
// that end in NUL, of which it is the third.
func appTarget(b []byte) string {
	if len(b) < 4 || binary.LittleEndian.Uint32(b) != 3 {
		return ""
	}
	parts := strings.Split(wstr.FromUTF16LE(b[4:]), "\x00")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}
