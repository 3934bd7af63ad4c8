package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

const (
	manifestName = "coldstate.json"
	manifestNew  = "coldstate.json.new"
	journalName  = "journal"

	// Format is the version of the format that this package writes.
	Format = 1

	// maxManifest bounds what is read of a manifest or journal: 200,000 files
	// of 150 bytes, far above what the names can number.
	maxManifest = 32 << 20
	// maxNumber is the last number of a segment or part; a sixth digit would
	// change the order of the names.
	maxNumber = 99999
)

func segmentName(n int) string { return fmt.Sprintf("data.tar.zst.%05d", n) }
func partName(n int) string    { return fmt.Sprintf("catalog.%05d.jsonl.zst", n) }

// numbered finds the number in a name made by f.
func numbered(name string, f func(int) string) (int, bool) {
	pre, post, _ := strings.Cut(f(0), "00000")
	s, ok := strings.CutPrefix(name, pre)
	if ok {
		s, ok = strings.CutSuffix(s, post)
	}
	if !ok || len(s) != 5 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n > 0
}

// isOurs says whether a name is one that the writer uses itself.
func isOurs(name string) bool {
	return strings.HasPrefix(name, "data.tar.zst") || strings.HasPrefix(name, "catalog.") ||
		name == manifestName || name == manifestNew || name == journalName
}

// plainFile says whether name may be a file of a store: letters, digits and
// "._-", not beginning with a dot, at most 64.
func plainFile(name string) bool {
	if name == "" || len(name) > 64 || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// State of a store.
type State string

const (
	// StateOpen: not finished; readable up to the last checkpoint.
	StateOpen State = "open"
	// StateSealed: whole.
	StateSealed State = "sealed"
	// StateDamaged: the manifest is missing or damaged; what the folder holds
	// is read as far as it goes. Never written.
	StateDamaged State = "damaged"
)

// Manifest is what coldstate.json says.
type Manifest struct {
	Format  int        `json:"format"`
	State   State      `json:"state"`
	Created string     `json:"created"` // RFC 3339
	Source  SourceInfo `json:"source"`
	// Objects counts the lines of the catalog that are objects, Outcomes the
	// same by outcome, Bytes the content as it was on the source. All zero
	// while the state is open.
	Objects  int64             `json:"objects"`
	Bytes    int64             `json:"bytes"`
	Outcomes map[Outcome]int64 `json:"outcomes"`
	// TarBytes is the size of the tar, Frames the number of its frames.
	TarBytes int64       `json:"tarBytes"`
	Frames   int64       `json:"frames"`
	Files    []FileEntry `json:"files"`
}

// FileEntry is one file of a store.
type FileEntry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 Sum    `json:"sha256"`
}

var (
	errNotWhole = errors.New("its SHA-256 of itself does not fit: it is damaged or was cut off")
	selfStart   = []byte(`"sha256": "`)
	selfEnd     = []byte("\"\n}\n")
)

// encodeManifest gives the bytes of m: indented JSON whose last line but one is
// the SHA-256 of all bytes before it.
func encodeManifest(m *Manifest) ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	b, ok := bytes.CutSuffix(b, []byte("\n}"))
	if !ok {
		return nil, errors.New("the manifest is no JSON object")
	}
	return appendSelf(append(b, ",\n "...), selfStart, selfEnd), nil
}

// appendSelf appends start, the SHA-256 of b, and end.
func appendSelf(b, start, end []byte) []byte {
	sum := sha256.Sum256(b)
	b = append(b, start...)
	b = hex.AppendEncode(b, sum[:])
	return append(b, end...)
}

// checkSelf says whether b ends as appendSelf made it.
func checkSelf(b, start, end []byte) bool {
	n := len(b) - len(start) - 64 - len(end)
	if n < 0 {
		return false
	}
	return bytes.Equal(appendSelf(b[:n:n], start, end), b)
}

// decodeManifest reads the bytes of a manifest and checks them.
func decodeManifest(b []byte) (*Manifest, error) {
	if !checkSelf(b, selfStart, selfEnd) {
		return nil, errNotWhole
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, &VersionError{m.Format}
	}
	if m.State != StateOpen && m.State != StateSealed {
		return nil, fmt.Errorf("unknown state %q", m.State)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		if !plainFile(f.Name) || f.Size < 0 || seen[f.Name] || f.Name == manifestName || f.Name == manifestNew || f.Name == journalName {
			return nil, fmt.Errorf("the file %q of %d bytes cannot be in a store", f.Name, f.Size)
		}
		seen[f.Name] = true
	}
	return m, nil
}

// VersionError says that a store has a format that this program cannot read.
type VersionError struct{ Format int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the store has format %d, this program reads format %d: use the version of coldstate that made it, or a newer one", e.Format, Format)
}

// writeManifest puts m into d: whole or not at all.
func writeManifest(d Dir, m *Manifest) error {
	b, err := encodeManifest(m)
	if err != nil {
		return err
	}
	if _, err := decodeManifest(b); err != nil {
		return fmt.Errorf("%s: what was just encoded cannot be read back: %w", manifestName, err)
	}
	f, err := d.Create(manifestNew)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := d.Rename(manifestNew, manifestName); err != nil {
		return err
	}
	return d.Sync()
}

// readSmall reads a whole file of at most limit bytes.
func readSmall(d Dir, name string, limit int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", name, f.Size(), limit)
	}
	b := make([]byte, f.Size())
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// findManifest reads the manifest of d, whichever of the two is whole. The
// error wraps fs.ErrNotExist when there is none at all.
func findManifest(d Dir) (*Manifest, error) {
	var found *Manifest
	var errs []error
	missing := 0
	for _, name := range []string{manifestName, manifestNew} {
		b, err := readSmall(d, name, maxManifest)
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		var m *Manifest
		if err == nil {
			m, err = decodeManifest(b)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		// A whole new manifest was written after everything else was on the
		// disk: only its renaming is missing.
		if found == nil || m.State == StateSealed && found.State == StateOpen {
			found = m
		}
	}
	switch {
	case found != nil:
		return found, nil
	case missing == 2:
		return nil, fmt.Errorf("%s: %w", manifestName, fs.ErrNotExist)
	}
	return nil, errors.Join(errs...)
}

// checkpointLine is one line of the journal: what is durable. Its last field
// is the SHA-256 of the bytes of the line before it.
type checkpointLine struct {
	Objects int64 `json:"objects"`
	Tar     int64 `json:"tar"`    // bytes of the tar in the segments
	Frames  int64 `json:"frames"` // their number
	// Segment is the segment being written: number, durable size, and the
	// state of its SHA-256 (Go's encoding of it) for a resume.
	Segment openSegment `json:"segment"`
	// Files were finished since the line before.
	Files []FileEntry `json:"files"`
	// Open is the large content that was being written, if any.
	Open *openMember `json:"open,omitempty"`
}

type openSegment struct {
	Number int    `json:"number"`
	Size   int64  `json:"size"`
	State  []byte `json:"state"`
}

type openMember struct {
	Volume int    `json:"volume"`
	File   uint64 `json:"file"`
	Stream *Sum   `json:"stream,omitempty"` // SHA-256 of the stream's name
	Tar    int64  `json:"tar"`              // where the content begins in the tar
	Size   int64  `json:"size"`             // of the stored content
	Done   int64  `json:"done"`             // bytes of it that are durable
	State  []byte `json:"state"`            // of its SHA-256
}

var lineStart, lineEnd = []byte(`,"sha256":"`), []byte("\"}\n")

func encodeCheckpoint(c *checkpointLine) ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return appendSelf(bytes.TrimSuffix(b, []byte("}")), lineStart, lineEnd), nil
}

// durable is what the journal says of an open store.
type durable struct {
	checkpointLine
	files []FileEntry // all that are finished
	lines int
}

// readJournal reads the lines of a journal up to the first that is not whole.
func readJournal(b []byte) durable {
	var d durable
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 || !checkSelf(b[:i], lineStart, lineEnd) {
			break
		}
		var c checkpointLine
		if json.Unmarshal(b[:i], &c) != nil {
			break
		}
		b = b[i:]
		d.files = append(d.files, c.Files...)
		d.checkpointLine = c
		d.lines++
	}
	return d
}
