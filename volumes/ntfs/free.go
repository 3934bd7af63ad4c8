package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/coldstate/coldstate/volumes/winfs"
)

var _ winfs.Spacer = (*FS)(nil)

// maxCounted bounds the clusters that Free counts; Windows makes volumes of
// 2^32-1 at most. What a damaged boot sector claims would take hours.
const maxCounted = 1 << 32

// Free implements winfs.Spacer: it counts the clusters that $Bitmap has no bit
// set for.
func (fs *FS) Free() (int64, error) {
	const name = "$Bitmap"
	e, err := fs.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	st, err := fs.Open(e, "")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	// Whole clusters: a cut one at the end has no bit.
	left := fs.geo.bytes / fs.geo.cluster
	if left > maxCounted {
		return 0, fmt.Errorf("%s: the boot sector claims %d clusters, more than any volume has", name, left)
	}
	if st.Size() < (left+7)/8 {
		return 0, fmt.Errorf("%s: %d bytes are too few for %d clusters", name, st.Size(), left)
	}
	var free int64
	buf := make([]byte, 1<<20)
	for off := int64(0); left > 0; off += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), (left+7)/8)]
		if n, err := st.ReadAt(b, off); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		count := min(left, int64(len(b))*8)
		used := int64(0)
		for ; len(b) >= 8 && count >= 64; b, count, left = b[8:], count-64, left-64 {
			used += int64(bits.OnesCount64(binary.LittleEndian.Uint64(b)))
			free += 64
		}
		for ; count > 0; b = b[1:] {
			n := min(count, 8)
			used += int64(bits.OnesCount8(b[0] & (1<<n - 1)))
			free, count, left = free+n, count-n, left-n
		}
		free -= used
	}
	return free * fs.geo.cluster, nil
}
