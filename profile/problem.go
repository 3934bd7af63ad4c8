package profile

import (
	"fmt"

	"github.com/coldstate/coldstate/offline"
)

// Problem is something wrong with a user, told for people.
type Problem = offline.Problem

// Code names what is unusual about a profile, for programs.
type Code = string

// Codes of cases. In every one of them what is there is captured.
const (
	// The profile among the others of its account.
	BackupKey        Code = "backup-key"        // Windows put the key aside (".bak")
	TemporaryProfile Code = "temporary-profile" // made for one session
	SeveralProfiles  Code = "several-profiles"  // the account has more than one; Other is the real one, or the next
	SharedFolder     Code = "shared-folder"     // the folder, or a part of it, is also that of Other

	// Keys and folders.
	NoKey         Code = "no-key"         // a profile folder that ProfileList does not have
	OwnerUnknown  Code = "owner-unknown"  // nothing tells whose it is
	NoPath        Code = "no-path"        // the key names no folder
	NoFolder      Code = "no-folder"      // the folder of the key does not exist, or cannot be read
	VolumeMissing Code = "volume-missing" // the folder is on a drive that is none of the given disks
	RemoteProfile Code = "remote-profile" // the profile folder is on a server

	// Hives.
	NoHive         Code = "no-hive"         // there is no NTUSER.DAT
	DeadHive       Code = "dead-hive"       // NTUSER.DAT cannot be used, nor a copy of it
	SubstituteHive Code = "substitute-hive" // an older copy is read in its place
	DirtyHive      Code = "dirty-hive"      // its newest changes are missing
	ReplayedHive   Code = "replayed-hive"   // it was not closed properly, and its logs made it whole
	DamagedHive    Code = "damaged-hive"    // a part of it cannot be read
	DeadClasses    Code = "dead-classes"    // UsrClass.dat cannot be used

	// The account.
	AccountDeleted Code = "account-deleted" // the SAM has no account of that SID any more
	NameGuessed    Code = "name-guessed"    // the name is a guess from the folder
	NameUnknown    Code = "name-unknown"    // there is no name but the SID

	// Folders of the user.
	RedirectedFolder Code = "redirected-folder" // it is on a server, see User.Redirected
	FolderMissing    Code = "folder-missing"    // it is set to a place that does not exist on the given disks
	FolderUnresolved Code = "folder-unresolved" // what it is set to is no path
)

// Case is something unusual about a profile: a Problem with a code for
// programs.
type Case struct {
	Code  Code
	Where string
	What  string
	// Other is the ID of the other profile that the case is about, "" for
	// none.
	Other string
}

// problem notes something wrong with u.
func (u *User) problem(code Code, where, format string, args ...any) {
	u.with(code, "", where, format, args...)
}

// with notes something that u and the profile with the ID other are in.
func (u *User) with(code Code, other, where, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	u.Problems = append(u.Problems, Problem{Where: where, What: what})
	u.Cases = append(u.Cases, Case{Code: code, Where: where, What: what, Other: other})
}

// Has says whether the profile is a case of that code.
func (u *User) Has(code Code) bool {
	for _, c := range u.Cases {
		if c.Code == code {
			return true
		}
	}
	return false
}
