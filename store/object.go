package store

import (
	"encoding/hex"
	"errors"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Kind says what an object is.
type Kind string

const (
	File   Kind = "file"   // the unnamed stream of a file
	Folder Kind = "folder" // a folder, also an empty one
	Stream Kind = "stream" // a named stream of a file or folder
	Link   Kind = "link"   // a symbolic link or junction
	Key    Kind = "key"    // a registry key; no member of the tar
	Value  Kind = "value"  // a registry value; its data is in a Part or in the catalog
	Part   Kind = "part"   // a .reg file made by the capture
)

// hasContent says whether objects of this kind can have a content.
func (k Kind) hasContent() bool { return k == File || k == Stream || k == Part }

// Outcome says what happened to an object.
type Outcome string

const (
	Captured         Outcome = "captured"
	Linked           Outcome = "linked"        // a further name of a file that has several
	Duplicate        Outcome = "duplicate"     // the same content is stored already
	EncryptedRaw     Outcome = "encrypted-raw" // kept as ciphertext with its keys
	Changed          Outcome = "changed-while-reading"
	Damaged          Outcome = "damaged" // Ranges read as zeros
	Placeholder      Outcome = "placeholder"
	Excluded         Outcome = "excluded-by-policy"
	Unreadable       Outcome = "unreadable"
	Unsupported      Outcome = "unsupported"
	EncryptedSkipped Outcome = "encrypted-skipped"
	VolumeMissing    Outcome = "volume-missing"
)

// Stored says whether objects with this outcome are in the tar.
func (o Outcome) Stored() bool {
	switch o {
	case Captured, Linked, Duplicate, EncryptedRaw, Changed, Damaged:
		return true
	}
	return false
}

// Sum is a SHA-256; all zeros for none.
type Sum [32]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// AppendText appends s in lower-case hexadecimal.
func (s Sum) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, s[:]), nil }

// MarshalText writes s in lower-case hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText reads 64 hexadecimal digits.
func (s *Sum) UnmarshalText(b []byte) error {
	if len(b) != 64 {
		return errors.New("a SHA-256 has 64 hexadecimal digits")
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// Range is a piece of a content in bytes; in JSON [offset, length].
type Range struct{ Off, Len int64 }

// FileRef names a file of the source without its name: volume number and the
// file's number on it.
type FileRef struct {
	Volume int
	File   uint64
}

// EFS is what is known of an encrypted content without decrypting it.
type EFS struct {
	// Size of the content that was encrypted, in bytes.
	Size int64 `json:"size"`
	// Users and Agents (recovery agents) can decrypt it; at most MaxEFSKeys
	// of each.
	Users  []EFSKey `json:"users,omitempty"`
	Agents []EFSKey `json:"agents,omitempty"`
}

// MaxEFSKeys is how many users, and agents, an EFS has at most.
const MaxEFSKeys = 256

// EFSKey names a certificate that opens an encrypted content. Fields may be
// empty.
type EFSKey struct {
	SID        string    `json:"sid"`
	Name       wstr.Text `json:"name"`
	Thumbprint string    `json:"thumbprint"` // SHA-1, lower-case hexadecimal
}

// Object is one line of the catalog: an object that was in scope, and its
// outcome. Strings of the source are WTF-8 (package wstr).
type Object struct {
	// Path is `C:\Users\a\x`, `2:\x` on a volume without letter,
	// `HKLM\SOFTWARE\…` for keys and values, `registry\….reg` for parts.
	Path wstr.Text `json:"path"`
	// Names are the names that Path joins, without the volume; given only
	// when one of them holds a backslash, so that Path alone is ambiguous.
	Names []wstr.Text `json:"names"`
	// Stream is the name of the stream, or of the value; "" for others.
	Stream wstr.Text `json:"stream"`
	Kind   Kind      `json:"kind"`
	// User is the SID whose HKEY_CURRENT_USER Path is below, "" for others.
	User    string  `json:"user"`
	Outcome Outcome `json:"outcome"`
	// Reason is for people: why the outcome is what it is; may be empty.
	Reason string `json:"reason"`
	// Ranges are the places of a damaged content that read as zeros.
	Ranges []Range `json:"ranges"`
	// Size of the content in bytes, holes included.
	Size int64 `json:"size"`
	// SHA256 of the content; of the bytes outside of Holes when there are
	// any. All zeros for objects without stored content.
	SHA256 Sum `json:"sha256"`
	// Holes are the parts of a sparse content that are not stored and read as
	// zeros. Set by Start; they leave out what it filled with zeros.
	Holes []Range `json:"holes"`

	// Attr are the file attributes as the source kept them.
	Attr     uint32        `json:"attr"`
	Created  wstr.Filetime `json:"created"`
	Modified wstr.Filetime `json:"modified"`
	Changed  wstr.Filetime `json:"changed"` // the metadata
	Accessed wstr.Filetime `json:"accessed"`
	// SD is the number that Writer.Security gave, 0 for none.
	SD int `json:"sd"`
	// Without are the parts of the metadata that the rules of the capture left
	// out, as rule files name them: "Security,CreationTime"; "" for none.
	Without string `json:"without"`
	// Reparse is the reparse data, nil for none.
	Reparse []byte `json:"reparse"`
	// Short is the 8.3 name that the object has beside its name, "" for none.
	Short wstr.Text `json:"short"`
	// EA are the extended attributes ([MS-FSCC] 2.4.16), nil for none; at
	// most 64 KiB.
	EA []byte `json:"ea"`
	// ObjectID is the object id, 16 to 64 bytes ([MS-FSCC] 2.1.3), nil for
	// none.
	ObjectID []byte `json:"objectId"`
	// CaseSensitive marks a folder that tells names apart that differ in case.
	CaseSensitive bool `json:"caseSensitive"`
	// Target is the target of a link as the source writes it.
	Target wstr.Text `json:"target"`
	File   FileRef   `json:"file"`
	// LinkTo (and LinkToStream) name the object that a linked or duplicate
	// object shares its content with.
	LinkTo       wstr.Text `json:"linkTo"`
	LinkToStream wstr.Text `json:"linkToStream"`
	// LinkToNames are for LinkTo what Names are for Path.
	LinkToNames []wstr.Text `json:"linkToNames"`
	// Raw says that the content is the raw form of an encrypted file; the
	// writer sets it from the outcome encrypted-raw. Whoever puts such a
	// content as damaged sets it.
	Raw bool `json:"raw"`
	// EFS says who can decrypt it, nil when Raw is not set.
	EFS *EFS `json:"efs"`
	// Rule is the number of the responsible rule, counted from 1; 0 for none.
	Rule int `json:"rule"`

	// Type is the type of a registry value; Data its data when In does not
	// hold it.
	Type uint32 `json:"type"`
	Data []byte `json:"data"`
	// In is the Path of the part that holds the value.
	In wstr.Text `json:"in"`

	// Segment (from 1), Frame (offset of the zstd frame in the segment) and
	// Offset (in the decompressed frame) are the place where the content
	// begins; Segment is 0 when nothing is stored. A Writer does not set
	// them: places are known only after the frame was written.
	Segment int   `json:"segment"`
	Frame   int64 `json:"frame"`
	Offset  int64 `json:"offset"`

	at place
}
