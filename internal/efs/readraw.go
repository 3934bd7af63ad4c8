package efs

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// maxSegments bounds the segments that ReadRaw looks at: those of 64 GiB.
const maxSegments = 1 << 20

// ReadRaw reads of a file in the raw form of EFS the value of its $EFS, and how
// many bytes its unnamed stream has. What was read before damage is given with
// the error.
func ReadRaw(r io.ReaderAt, size int64) (metadata []byte, content int64, err error) {
	damaged := func(at int64, format string, args ...any) error {
		return fmt.Errorf("raw form of EFS: offset %#x: %s", at, fmt.Sprintf(format, args...))
	}
	read := func(b []byte, at int64) error {
		if int64(len(b)) > size-at {
			return damaged(at, "it ends in the middle")
		}
		if n, err := r.ReadAt(b, at); n < len(b) {
			return fmt.Errorf("raw form of EFS: offset %#x: %w", at, err)
		}
		return nil
	}
	var head [20]byte
	if err := read(head[:], 0); err != nil {
		return nil, 0, err
	}
	if !slices.Equal(head[4:12], utf16("ROBS")) {
		return nil, 0, damaged(4, "no signature is here")
	}
	var in string // the stream that segments belong to
	parts := 0
	for at, n := int64(len(head)), int64(0); at < size; at += n {
		if parts++; parts > maxSegments {
			return metadata, content, damaged(at, "more than %d segments", maxSegments)
		}
		var h [16]byte
		if err := read(h[:], at); err != nil {
			return metadata, content, err
		}
		n = int64(binary.LittleEndian.Uint32(h[:]))
		if n < 16 || n > size-at {
			return metadata, content, damaged(at, "a part of %d bytes; %d are left", n, size-at)
		}
		switch {
		case slices.Equal(h[4:12], utf16("NTFS")):
			if n < 28 || n > 28+2*maxText {
				return metadata, content, damaged(at, "the name of a stream in %d bytes", n)
			}
			b := make([]byte, n)
			if err := read(b, at); err != nil {
				return metadata, content, err
			}
			in = string(b[28:])
		case !slices.Equal(h[4:12], utf16("GURE")):
			return metadata, content, damaged(at, "neither a stream nor a segment")
		case in == "\x10\x19" && metadata == nil:
			if n-16 > maxMetadata {
				return metadata, content, damaged(at, "$EFS of %d bytes", n-16)
			}
			b := make([]byte, n-16)
			if err := read(b, at+16); err != nil {
				return metadata, content, err
			}
			metadata = b
		case in == string(utf16("::$DATA")):
			// The offset of the segment in the stream, and its bytes.
			var b [16]byte
			if err := read(b[:], at+16); err != nil {
				return metadata, content, err
			}
			off, within := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint32(b[12:])
			if off > maxStream {
				return metadata, content, damaged(at+16, "a segment at byte %d of its stream", off)
			}
			content = max(content, int64(off)+int64(within))
		}
	}
	if metadata == nil {
		return nil, content, damaged(0, "it has no $EFS")
	}
	return metadata, content, nil
}
