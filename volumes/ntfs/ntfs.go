// Package ntfs reads NTFS volumes, never writing: names, metadata, contents.
//
// # How a volume is opened
//
// Open makes one sequential pass over $MFT and keeps a compact index of it:
// flat arrays without pointers, at most 150 bytes a file with its name. What a
// folder holds is taken from the $FILE_NAME attributes of records in use,
// whose parent references must carry the right sequence number; the directory
// indexes on the disk ($I30) are not consulted, as they keep the names of
// deleted and foreign files, unless MFT records are lost or the folder that a
// file names is not there. Everything but contents is then answered from
// memory, with three exceptions that read a little: reparse data, security
// descriptors, and contents that lie in MFT records.
//
// # What is listed
//
// Every name of every file in use. An 8.3 name is no entry of its own: Lookup
// follows it, ShortName tells it. The metadata files of
// the volume (records 0 to 15, and what lies in $Extend) are no one's data and
// are left out of the root folder; Lookup still finds them: `$MFT`,
// `$Secure`, `$Extend\$UsnJrnl`. Files whose folder is gone, has been replaced
// by another, or lies in a cycle are shown in a folder of the root that is
// made up, $Orphans, each under its record number, its sequence number and its
// name: "4711-2 letter.txt".
//
// # Damage
//
// A file whose MFT record is lost is listed when the index of its folder can be
// read: with name, size, dates and attributes, and Info.Lost. What is in a
// folder whose record is lost is where it was. Only what no index names is left
// out, and counted (Health).
//
// The reader goes on wherever it can. Damage is told three times: in the
// problems of the volume, in the Info of the entries it touches, and when
// content is read, by a *winfs.ReadError with the bytes that are lost.
//
// Files of CompactOS (WOF) are read as their content. Journals are not
// replayed, EFS is not decrypted, deduplicated contents are not decoded.
//
// Source: the libfsntfs documentation of the format
// (https://github.com/libyal/libfsntfs), [MS-FSCC], and comparisons with
// ntfs-3g and The Sleuth Kit.
package ntfs

import (
	"errors"
	"fmt"
)

// Options change how a volume is opened. The zero value is good.
type Options struct{}

// ErrNotNTFS is wrapped by the error of Open when nothing on the medium looks
// like an NTFS volume.
var ErrNotNTFS = errors.New("not an NTFS volume")

// ErrNotLocal is wrapped by the errors of Open and ReadAt of a file that
// belongs to a cloud provider and whose content, or a part of it, is not on
// this disk (winfs.Info.NotLocal). Reading it would give zeros.
var ErrNotLocal = errors.New("the content is with the cloud provider, not on this disk")

// FormatError says what is wrong with a structure of the volume, and where.
type FormatError struct {
	Where string // "boot sector", "MFT record 42"
	Off   int64  // offset in the structure, -1 when no single place is wrong
	What  string
}

func (e *FormatError) Error() string {
	if e.Off < 0 {
		return e.Where + ": " + e.What
	}
	return fmt.Sprintf("%s: offset %#x: %s", e.Where, e.Off, e.What)
}
