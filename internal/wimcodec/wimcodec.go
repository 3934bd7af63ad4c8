// Package wimcodec decodes the chunks of CompactOS files and WIM archives:
// XPRESS Huffman ([MS-XCA] 2.1 and 2.2) and the LZX variant of WIM. A chunk is
// independent of all others, and its decoded size is known from outside.
package wimcodec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/Microsoft/go-winio/wim/lzx"
)

// ErrData is wrapped by the errors of damaged chunks.
var ErrData = errors.New("damaged compressed data")

// LZXChunk is the size of the chunks that LZX decodes, and the most that a
// chunk gives.
const LZXChunk = 32 << 10

// LZX fills dst, of at most LZXChunk bytes, from src. After an error, what is
// in dst means nothing.
func LZX(dst, src []byte) (err error) {
	if len(dst) > LZXChunk {
		return fmt.Errorf("%w: an LZX chunk of %d bytes", ErrData, len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	// The decoder panics on some damaged chunks. Its panics are slice bounds
	// and nil pointers, which leave nothing behind but the chunk.
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: LZX: a code or a match that cannot be", ErrData)
		}
	}()
	r, err := lzx.NewReader(bytes.NewReader(src), len(dst))
	if err != nil {
		return fmt.Errorf("%w: LZX: %w", ErrData, err)
	}
	if _, err := io.ReadFull(r, dst); err != nil {
		return fmt.Errorf("%w: LZX: %w", ErrData, err)
	}
	return nil
}
