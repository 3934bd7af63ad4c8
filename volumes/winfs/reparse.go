package winfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// LinkTarget reads where a symbolic link or junction leads out of its reparse
// data ([MS-FSCC] 2.1.2.4, 2.1.2.5; for WSL links the tag A000001D). The
// target is the text the link was made with (the print name), or, where that
// is empty, what Windows follows (`\??\C:\x`).
func LinkTarget(reparse []byte) (string, error) {
	le := binary.LittleEndian
	if len(reparse) < 8 {
		return "", fmt.Errorf("reparse data of %d bytes have no header", len(reparse))
	}
	tag, n := le.Uint32(reparse), int(le.Uint16(reparse[4:]))
	body := reparse[8:]
	if n > len(body) {
		return "", fmt.Errorf("reparse data name %d bytes and hold %d", n, len(body))
	}
	body = body[:n]
	names := 8
	switch tag {
	case TagMountPoint:
	case TagSymlink:
		names = 12
	case TagLXSymlink:
		if len(body) < 4 {
			return "", fmt.Errorf("reparse data of a WSL link hold %d bytes", len(body))
		}
		if strings.Contains(string(body[4:]), "\x00") {
			return "", errors.New("the name of a WSL link holds zeros")
		}
		return string(body[4:]), nil
	default:
		return "", fmt.Errorf("reparse tag %#x is no link: %w", tag, ErrUnsupported)
	}
	if len(body) < names {
		return "", fmt.Errorf("reparse data of a link hold %d bytes", len(body))
	}
	name := func(at int) (string, error) {
		off, n := int(le.Uint16(body[at:])), int(le.Uint16(body[at+2:]))
		if off+n > len(body)-names {
			return "", fmt.Errorf("a name of a link ends at %d, its data at %d", off+n, len(body)-names)
		}
		s := wstr.FromUTF16LE(body[names+off : names+off+n])
		// Some programs count a NUL at the end; one inside is damage.
		if s = strings.TrimSuffix(s, "\x00"); strings.Contains(s, "\x00") {
			return "", errors.New("a name of a link holds zeros")
		}
		return s, nil
	}
	follow, err := name(0)
	if err != nil {
		return "", err
	}
	if print, err := name(4); err == nil && print != "" {
		return print, nil
	}
	return follow, nil // Windows does not need the other
}
