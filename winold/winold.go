// Package winold finds the older installations that Setup left on a disk:
// Windows.old under all its names, and the folders of upgrades that were not
// finished. Each is a System of its own, with its own letters: its C:\ is the
// folder Windows.old. The package also tells how long such a folder has to
// live, and which of its users went over to the Windows that is there.
//
// It only reads, and it decides nothing about what is taken.
package winold

import (
	"time"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// Old is what an older installation has left.
type Old struct {
	// System is the installation; nil when its registry is gone. Its Name is
	// the path of its Windows folder: `C:\Windows.old\Windows`.
	System *offline.System
	// Live is the Windows that came after it, on the same volume; nil when
	// there is none among the sources.
	Live *offline.System
	// LiveName is how Live is called; "" when there is none.
	LiveName string
	Volume   *volumes.Volume
	// Root is the folder below the root of Volume: "Windows.old".
	Root string
	// Folder is the folder with the letter that Live has for its volume, else
	// with the number of the volume: `C:\Windows.old`, `1:\Windows.old`.
	Folder string
	// Kind tells who made the folder.
	Kind Kind
	// Gone says why there is no System; "" when there is one.
	Gone string
	// Made is when the folder was made, and so when the old Windows was put
	// aside; zero when it is unknown.
	Made time.Time
	// Until is when Windows removes the folder by itself, if it is started;
	// zero when it does not, or that is not known. UntilFrom tells where the
	// figure is from.
	Until     time.Time
	UntilFrom string
	// Users are the people of the old installation, in the order of
	// profile.Users.
	Users []User

	Problems []offline.Problem
}

// Kind is the kind of a folder that holds an older installation.
type Kind string

// Kinds of folders.
const (
	WindowsOld Kind = "Windows.old"    // put aside by Setup, whole
	Unfinished Kind = "upgrade"        // $WINDOWS.~Q, $INPLACE.~TR, $UPGRADE.~OS: put aside by an upgrade that did not end
	NewOS      Kind = "failed upgrade" // $WINDOWS.~BT\NewOS: the Windows that an upgrade was to become
)

// User is a person of an older installation.
type User struct {
	ID    string `json:"id"`
	SID   string `json:"sid,omitempty"`
	Name  string `json:"name"`
	State State  `json:"state"`
	// Dir is the profile folder in the letters of the old installation.
	Dir string `json:"folder,omitempty"`
	// LiveDir is the folder that the files were moved to, in the letters of
	// the Windows that is there; "" when there is none.
	LiveDir string `json:"live_folder,omitempty"`
	// By tells how LiveDir was found: "SID" or "name".
	By string `json:"by,omitempty"`
}

// State is where the files of a user of an older installation are.
type State string

// States of users.
const (
	Here     State = "here"
	Moved    State = "moved"
	Skeleton State = "skeleton"
)

// Find returns the older installations on the volumes of set, in the order of
// the volumes and of the folders' names. live are the installations that
// offline.Find found on it.
func Find(set *volumes.Set, live []*offline.System, opt offline.Options) ([]*Old, []offline.Problem) {
	return nil, nil
}

// DaysLeft is the number of days until Windows removes the folder by itself;
// zero and less mean that the next start of Windows may do so. It says
// whether that is known.
func (o *Old) DaysLeft(now time.Time) (int, bool) {
	return 0, false
}
