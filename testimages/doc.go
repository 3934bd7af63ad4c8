// Package testimages is a small Windows disk for tests and for the command
// demo, damaged variants of it, and the disks of other machines. None of them is
// made by the packages under test.
//
// # What the disk is
//
// A GPT disk of 46 MiB: an EFI system partition (FAT), a Microsoft reserved
// partition, and an NTFS volume with a Windows 10 22H2 as far as a reader
// sees it: hives, profiles, programs' folders, and the awkward things that
// real volumes hold. sample.go names the accounts.
//
//	anna        local administrator, Microsoft account; most of the data
//	Bob Smith   profile key ends in .bak, its twin points to C:\Users\TEMP
//	zoë         NTUSER.DAT is damaged
//	jdoe.CORP   domain account whose name stands nowhere but in the folder
//
// # The manifest
//
// Manifest says what is on the NTFS volume, as ntfs-3g shows it: see Row.
// Where ntfs-3g cannot say something (the size of a cloud placeholder) it
// says what the builder asked for.
//
// # Machines
//
// Machine gives the disks of other machines by name: two Windows on one disk,
// letters that WinPE would give the other way round, volumes in folders, all
// ages of Windows, Windows.old in all its spellings, dirty hives, broken
// profiles, names in German, the data of all programs that the built-in rules
// know (Apps). They are written in Go when they are asked for:
// an installation is a literal of type Windows, which is also what a test
// compares with. Package ntfsgen writes the volumes, diskgen the partition
// tables, hivegen the hives.
//
// # Building the sample disk again
//
// As root, on Debian with the packages that build.sh names, with FUSE:
//
//	testimages/build.sh
//
// writes disk.img.zst, two-windows.pages.zst, no-windows.pages.zst and
// manifest.txt. Everything is fixed: GUIDs, serial numbers, times (by
// faketime), SIDs and the order of creation; with the same versions of the
// tools the files come out the same.
package testimages
