// Package ntfsgen writes NTFS volumes for tests from Go literals, in memory
// and without any tool of the host. It shares no code with package ntfs, so
// that the two can check each other; ntfs-3g and The Sleuth Kit are the third
// and fourth opinion in its tests.
//
//	vol := ntfsgen.Build(ntfsgen.Options{Label: "Data"},
//		ntfsgen.File(`Users\anna\notes.txt`, "hello", ntfsgen.Stream{Name: "Zone.Identifier", Data: ntfsgen.Text("[ZoneTransfer]")}),
//		ntfsgen.Dir("Windows", ntfsgen.Attr(ntfsgen.System),
//			ntfsgen.File("explorer.exe", ntfsgen.Noise("explorer", 90_000).Compress().Split(7))),
//		ntfsgen.Junction("Documents and Settings", `C:\Users`),
//	)
//	fs, err := ntfs.Open(vol, vol.Size(), ntfs.Options{})
//
// The volume is an io.ReaderAt. The same literals give the same bytes. Contents
// are not copied, and those of generators are made when they are read: a file
// of a terabyte costs nothing.
//
// What is written is what Windows writes: all metadata files, $Secure with its
// indexes, $I30 indexes of any depth, attribute lists where one record is too
// small. Files are laid out one after the other in the order of the literals;
// Data.Split asks for fragments. What follows the valid size or the end of a
// file in its clusters is filled with Garbage, so that a reader that shows it
// is found out.
//
// It panics when it is given what no volume can hold: it serves programmers,
// not disks.
//
// Layout: the libfsntfs documentation (https://github.com/libyal/libfsntfs),
// the Linux-NTFS project's documentation, [MS-FSCC] for reparse data.
package ntfsgen
