package ntfs

import (
	"fmt"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

var _ winfs.Encrypter = (*FS)(nil)

// cipherBlock is what EFS encrypts at once. The last block of a stream is
// stored whole, behind its size.
const cipherBlock = 512

// maxEFS is the largest $EFS.
const maxEFS = 256 << 10

var efsName = wstr.AppendUTF16LE(nil, "$EFS")

// EFS implements winfs.Encrypter.
func (fs *FS) EFS(e winfs.Entry) ([]byte, error) {
	_, f, err := fs.file(e)
	if err != nil {
		return nil, err
	}
	return fs.namedAttrOf(f, typeLoggedUtility, efsName, maxEFS)
}

// OpenRaw implements winfs.Encrypter.
func (fs *FS) OpenRaw(e winfs.Entry, stream string) (winfs.Ciphertext, error) {
	i, f, err := fs.file(e)
	if err != nil {
		return winfs.Ciphertext{}, err
	}
	mode, size, place := f.mode, f.size, f.place
	if stream != "" {
		found := false
		for k, end := fs.named(i); k < end && !found; k++ {
			if s := fs.x.named.at(k); fs.x.names.get(s.name) == stream {
				mode, size, place, found = s.mode, s.size, s.place, true
			}
		}
		if !found {
			return winfs.Ciphertext{}, fmt.Errorf("%s: stream %q: %w", recordName(f.num), stream, winfs.ErrNotFound)
		}
	} else if f.flags&(flagData|flagDir) != flagData {
		return winfs.Ciphertext{}, fmt.Errorf("%s: no unnamed stream: %w", recordName(f.num), winfs.ErrNotFound)
	}
	out := winfs.Ciphertext{Size: size, Valid: size, Cluster: fs.geo.cluster, Sparse: mode&winfs.Sparse != 0}
	switch {
	case mode&winfs.Encrypted == 0:
		return out, fmt.Errorf("%s: stream %q is not encrypted", recordName(f.num), stream)
	case place == noPlace:
		return out, &FormatError{recordName(f.num), -1, "the run list could not be read"}
	case mode&winfs.Compressed != 0 || mode&winfs.Resident != 0 && size > 0:
		return out, &FormatError{recordName(f.num), -1, "an encrypted stream that is compressed, or in the MFT record: NTFS has none"}
	case size == 0:
		out.Data = resident(nil)
		return out, nil
	}
	sr := openRuns(fs.x.runs.get(place))
	var runs []run
	for x := sr.next(); x.n > 0; x = sr.next() {
		runs = append(runs, x)
	}
	if sr.init >= 0 {
		out.Valid = sr.init
	}
	round := func(n int64) int64 { return (n + cipherBlock - 1) / cipherBlock * cipherBlock }
	out.Data = fs.plainOf(runs, round(size), round(out.Valid))
	return out, nil
}
