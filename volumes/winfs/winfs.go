// Package winfs is the vocabulary of a Windows file system that is only read:
// entries, metadata, streams. NTFS volumes and host folders both speak it; it
// reads nothing itself.
//
// io/fs cannot carry what Windows keeps: it refuses names that are not UTF-8,
// and knows neither streams nor several names of one file.
package winfs

import (
	"errors"
	"fmt"
	"io"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Entry is one name in one folder. A file with three hard links has three
// entries. Entries are small dense numbers, good for arrays; they mean
// something only to the FS that gave them, and stay valid until it is closed.
type Entry uint32

// FileID identifies a file, whatever its names: on NTFS the file reference
// (48 bits record number, 16 bits sequence number above).
type FileID uint64

// Windows file attributes ([MS-FSCC] 2.6).
const (
	AttrReadOnly           = 0x1
	AttrHidden             = 0x2
	AttrSystem             = 0x4
	AttrDirectory          = 0x10
	AttrArchive            = 0x20
	AttrNormal             = 0x80
	AttrTemporary          = 0x100
	AttrSparse             = 0x200
	AttrReparse            = 0x400
	AttrCompressed         = 0x800
	AttrOffline            = 0x1000
	AttrNotIndexed         = 0x2000
	AttrEncrypted          = 0x4000
	AttrRecallOnOpen       = 0x40000
	AttrPinned             = 0x80000
	AttrUnpinned           = 0x100000
	AttrRecallOnDataAccess = 0x400000
)

// Reparse tags ([MS-FSCC] 2.1.2.1) that decide what happens to a file.
const (
	TagMountPoint = 0xA0000003 // junction, or a volume mounted in a folder
	TagSymlink    = 0xA000000C
	TagWOF        = 0x80000017 // CompactOS
	TagDedup      = 0x80000013
	TagAppExec    = 0x8000001B // Store alias
	TagLXSymlink  = 0xA000001D // WSL symbolic link
	TagAFUnix     = 0x80000023 // socket
	TagLXFIFO     = 0x80000024 // WSL pipe
	TagLXChar     = 0x80000025 // WSL character device
	TagLXBlock    = 0x80000026 // WSL block device
	TagNFS        = 0x80000014 // special file or link of a Unix
)

// IsCloudTag says whether tag marks a file of a cloud provider, whose content
// may not be on the disk.
func IsCloudTag(tag uint32) bool {
	return tag&0xFFFF0FFF == 0x9000001A || tag == 0x80000021 || tag == 0x80000015 || tag == 0x9000001C
}

// IsArchiveTag says whether tag marks a file whose content may have been moved
// to other storage by a server: HSM, HSM2, Drive Extender, Azure File Sync.
func IsArchiveTag(tag uint32) bool {
	switch tag {
	case 0xC0000004, 0x80000006, 0x80000005, 0x8000001E, 0x90000027:
		return true
	}
	return false
}

// IsNameSurrogate says whether tag stands for another place (junctions,
// symbolic links): such folders are never entered.
func IsNameSurrogate(tag uint32) bool { return tag&0x20000000 != 0 }

// Info is what is known of an entry without another read of the medium.
type Info struct {
	File FileID
	// Size of the unnamed stream in bytes; 0 for folders.
	Size int64
	// Start is the place on the medium, in bytes from the start of the
	// volume, where reading the unnamed stream begins (for content that lies
	// in the MFT record: the place of the record). -1 when it is unknown.
	Start int64
	// Attr holds the attributes, with AttrDirectory set for folders.
	Attr                                 uint32
	Created, Modified, Changed, Accessed wstr.Filetime
	// Links is the number of entries of the file; 8.3 names do not count.
	Links int
	// Missing is how many bytes of the unnamed stream are not on the medium,
	// for files with a tag of IsCloudTag or IsArchiveTag; of others it says
	// nothing.
	Missing int64
	// Reparse is the reparse tag, 0 for none.
	Reparse uint32
	// Streams is the number of named streams.
	Streams int
	// Mode tells how the unnamed stream is kept.
	Mode Mode
	// CaseSensitive marks a folder in which names that differ in case are
	// different names (fsutil file setCaseSensitiveInfo, WSL).
	CaseSensitive bool
	// Damage says why the entry cannot be trusted, "" when it can.
	Damage string
	// Lost is set when nothing is left of the file but its name, size, dates
	// and attributes in the index of its folder; its content does not open.
	Lost *LostError
}

// IsDir says whether the entry is a folder (a junction is one as well).
func (i *Info) IsDir() bool { return i.Attr&AttrDirectory != 0 }

// NotLocal says whether the content, or a part of it, is not on this disk but
// with a cloud provider: reading it would give zeros. What is on the disk
// decides. A file of which a part is there may be a sparse one that is whole:
// only then the attributes are asked.
func (i *Info) NotLocal() bool {
	switch {
	case !IsCloudTag(i.Reparse) && !IsArchiveTag(i.Reparse) || i.IsDir() || i.Missing == 0:
		return false
	case i.Missing >= i.Size:
		return true
	}
	return i.Attr&attrRemote != 0
}

const attrRemote = AttrRecallOnDataAccess | AttrRecallOnOpen | AttrOffline

// Doubtful says that the attributes of a cloud file call its content remote
// though all of it is on the disk.
func (i *Info) Doubtful() bool {
	return IsCloudTag(i.Reparse) && !i.IsDir() && i.Size > 0 && i.Missing == 0 && i.Attr&(AttrRecallOnDataAccess|AttrOffline) != 0
}

// WhyNotLocal tells people why the content of a file that is NotLocal cannot
// be read; root is the path of the folder of the account (CloudRoot), "" when
// it is not known.
func (i *Info) WhyNotLocal(root string) string {
	where := "in the cloud"
	if IsArchiveTag(i.Reparse) {
		where = "on the storage that the server moved it to"
	}
	if root != "" {
		where += ", synchronised with " + root
	}
	if i.Missing < i.Size {
		return fmt.Sprintf("only %d of its %d bytes are on this disk; the rest is only %s", i.Size-i.Missing, i.Size, where)
	}
	return "its content is only " + where
}

// CloudRoot finds the folder of the account that e belongs to: the topmost one
// of those above e, without a gap, that carry the tag of a cloud provider.
func CloudRoot(fs FS, e Entry) (root Entry, ok bool) {
	for n := 0; e != fs.Root() && n < 1024; n++ {
		e = fs.Parent(e)
		info, err := fs.Info(e)
		if err != nil || !IsCloudTag(info.Reparse) {
			break
		}
		root, ok = e, true
	}
	return root, ok
}

// Mode tells how a stream is kept on the medium; bits.
type Mode uint8

const (
	Resident   Mode = 1 << iota // inside the MFT record
	Compressed                  // LZNT1
	Sparse                      // has holes, or may have
	Encrypted                   // EFS: reading gives ciphertext
	// Absent: not one cluster is allocated though the size is not 0. With a
	// cloud tag: the content is not on this disk.
	Absent
	// Partial: some of the stream has no cluster.
	Partial
)

// StreamInfo describes one named data stream.
type StreamInfo struct {
	Name  string
	Size  int64
	Start int64 // as Info.Start
	Mode  Mode
}

// Extent is a piece of a stream. Pos is its place on the medium, -1 for a
// piece that reads as zeros.
type Extent struct {
	Off, Len int64 // in the stream
	Pos      int64 // in the volume
}

// Stream is the content of an open stream. ReadAt is safe for concurrent use.
type Stream interface {
	io.ReaderAt
	Size() int64
	// Extents returns the pieces of the stream in order, without gaps, when
	// the bytes of the medium are the bytes of the stream; nil when they have
	// to be decoded, or when the places are unknown.
	Extents() []Extent
	// Holes returns the parts of the stream that have no cluster on the
	// medium and read as zeros; nil when there are none or it is unknown.
	Holes() []Extent
}

// FS is a file system that is only read. Its methods are safe for concurrent
// use. Names compare without regard to case unless a folder holds names that
// differ only in case: then an exact match wins.
type FS interface {
	// Label is the name of the volume.
	Label() string
	// Root is the root folder.
	Root() Entry
	// Len is above every Entry that was given so far.
	Len() int
	// Name is the entry's name; the root's is "". A name is WTF-8 and may
	// hold any character.
	Name(Entry) string
	// Parent is the folder that holds e; the root's is the root.
	Parent(Entry) Entry
	// Children lists a folder, sorted by wstr.Compare. The slice is shared:
	// do not change it.
	Children(dir Entry) ([]Entry, error)
	// Info describes e.
	Info(Entry) (Info, error)
	// Streams lists the named data streams, sorted by name.
	Streams(Entry) ([]StreamInfo, error)
	// Open opens the stream of that name, "" for the unnamed one.
	Open(e Entry, stream string) (Stream, error)
	// Security is the self-relative security descriptor, nil when the file
	// has none or the file system does not show it.
	Security(Entry) ([]byte, error)
	// SecurityID is a number under which files with equal descriptors meet;
	// 0 when there is none.
	SecurityID(Entry) uint64
	// Reparse is the reparse data with its 8-byte header, nil for none.
	Reparse(Entry) ([]byte, error)
	// Lookup finds the entry of a path below the root: names separated by
	// backslashes, "" for the root. Links are not followed. A path that is
	// not there gives an error that wraps ErrNotFound.
	Lookup(path string) (Entry, error)
	// Problems lists what is damaged, in the order it was found.
	Problems() []Problem
	Close() error
}

// Spacer is implemented by an FS that can tell how much room is free on its
// volume, in bytes.
type Spacer interface {
	Free() (int64, error)
}

// Extras is implemented by an FS that shows what only some files have.
type Extras interface {
	// ShortName is the 8.3 name that e has beside its name, "" for none.
	ShortName(Entry) string
	// EAs are the extended attributes as [MS-FSCC] 2.4.16 lays them out, nil
	// for none; ParseEAs reads them. Those of the kernel's caches
	// ($KERNEL.PURGE and others below $KERNEL.), which no program can set, are
	// left out.
	EAs(Entry) ([]byte, error)
	// ObjectID is the object id of 16 bytes, with the ids of its birth
	// ([MS-FSCC] 2.1.3) up to 64 where the disk has them there; nil for none.
	ObjectID(Entry) ([]byte, error)
}

// Encrypter is implemented by an FS that gives encrypted files as they lie on
// the disk.
type Encrypter interface {
	// EFS is the value of the attribute $EFS, which says who can decrypt the
	// file ([MS-EFSR] 2.2.2). A file that has none gives an error.
	EFS(Entry) ([]byte, error)
	// OpenRaw opens a stream whose mode has Encrypted.
	OpenRaw(e Entry, stream string) (Ciphertext, error)
}

// RawExporter is implemented by an FS that keeps encrypted files in the raw
// form that Windows gives and takes back, with all of their streams ([MS-EFSR]
// 2.2.3).
type RawExporter interface {
	// EFSRaw opens that form; ErrNotFound for other files.
	EFSRaw(Entry) (Stream, error)
}

// Ciphertext is an encrypted stream.
type Ciphertext struct {
	// Data has Size bytes, rounded up to the blocks of 512 bytes that are
	// encrypted at once.
	Data  Stream
	Size  int64 // in bytes, of what was encrypted
	Valid int64 // bytes that were ever written
	// Cluster is the size of a cluster in bytes.
	Cluster int64
	Sparse  bool
}

// Medium is implemented by an FS whose Extents are places in a readable
// medium, so that neighbours can be read in one request.
type Medium interface {
	Medium() io.ReaderAt
}

// Problem is damage to the file system itself.
type Problem struct {
	Where string // "MFT record 42", "sector 0"
	What  string
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// Changer is implemented by a Stream whose file may be written to while it is
// read. Changed gives what is different from when it was opened, "" for
// nothing.
type Changer interface {
	Changed() string
}

// ErrShrunk is wrapped when a file became shorter while it was read.
var ErrShrunk = errors.New("the file became shorter while it was read")

// ErrNotFound is wrapped by errors about paths and streams that do not exist.
var ErrNotFound = errors.New("not found")

// ErrUnsupported is wrapped by errors about things that exist and are sound,
// but that cannot be read.
var ErrUnsupported = errors.New("not supported")

// ErrDamaged is wrapped when the bytes of the medium could be read and are not
// the content: they do not decode, or do not have the hash that is stored with
// them.
var ErrDamaged = errors.New("damaged")

// ReadError says which bytes of a stream could not be read.
type ReadError struct {
	Off, Len int64 // in the stream
	Pos      int64 // on the medium, -1 when unknown
	Err      error
}

func (e *ReadError) Error() string {
	if e.Pos < 0 {
		return fmt.Sprintf("bytes %d-%d: %v", e.Off, e.Off+e.Len-1, e.Err)
	}
	return fmt.Sprintf("bytes %d-%d (volume offset %#x): %v", e.Off, e.Off+e.Len-1, e.Pos, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// LostError says that the MFT record of a file or folder is lost, and with it
// its content, streams and owner.
type LostError struct {
	Record   uint32 // number of the record
	Sequence uint16
	Dir      bool
	// Pos is the place of the record in the volume in bytes, -1 when it is not
	// known.
	Pos int64
	Err error // why
}

func (e *LostError) Error() string {
	where := ""
	if e.Pos >= 0 {
		where = fmt.Sprintf(" at byte %d of the volume", e.Pos)
	}
	what := "where its content lies is not known"
	if e.Dir {
		what = "files in it are listed where their own records are whole"
	}
	return fmt.Sprintf("its MFT record %d%s is lost (%v): name, size and dates are those of the index of its folder, %s; if it could not be read, copy the disk once more with ddrescue and capture the copy, else take it from a backup", e.Record, where, e.Err, what)
}

func (e *LostError) Unwrap() error { return e.Err }

// Path is the path of e below the root, "" for the root itself. A chain of
// parents that does not reach the root within 1024 folders is cut there.
func Path(fs FS, e Entry) string {
	var buf [32]string
	parts := buf[:0]
	for n := 0; e != fs.Root() && n < 1024; n++ {
		parts = append(parts, fs.Name(e))
		e = fs.Parent(e)
	}
	size := 0
	for _, p := range parts {
		size += len(p) + 1
	}
	if size == 0 {
		return ""
	}
	b := make([]byte, 0, size-1)
	for i := len(parts) - 1; i >= 0; i-- {
		b = append(b, parts[i]...)
		if i > 0 {
			b = append(b, '\\')
		}
	}
	return string(b)
}
