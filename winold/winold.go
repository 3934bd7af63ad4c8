// Package winold finds the older installations that Setup left on a disk:
// Windows.old under all its names, and the folders of upgrades that did not
// end. Each is a System of its own, with letters of its own: its C:\ is the
// folder Windows.old. The package also tells how long such a folder has to
// live, and which of its users went over to the Windows that is there.
//
// It only reads, and it decides nothing about what is taken.
package winold

import (
	"strings"
	"time"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// Old is what an older installation has left.
type Old struct {
	// System is the installation; nil when its registry is gone, and after
	// Release. Its Name is the path of its Windows folder:
	// `C:\Windows.old\Windows`.
	System *offline.System
	// Live is the Windows of the set that is on the same volume and that
	// Setup put in its place; nil when there is none.
	Live   *offline.System
	Volume *volumes.Volume
	// Root is the folder below the root of Volume: "Windows.old"; "" when the
	// source was given as that folder.
	Root string
	// Folder is how Root is called: with the letter that Live has for its
	// volume, else with the number of the volume, else the folder of the host:
	// `C:\Windows.old`, `1:\Windows.old`, "/mnt/c/Windows.old".
	Folder string
	// Kind tells who made the folder.
	Kind Kind
	// Gone says why there is no System; "" when there is one.
	Gone string

	// LiveName and LiveProduct tell what the Windows that is there is called,
	// "" when there is none. They are also set when the source is the folder
	// Windows.old of the host and the Windows beside it can be read.
	LiveName, LiveProduct string
	// Broken is the folder of a Windows on the same volume whose registry
	// cannot be used: `1:\Windows`; "" when there is none. That may be the one
	// that came after it.
	Broken string
	// Made is when the folder was made, and so when the old Windows was put
	// aside; zero when that is unknown.
	Made time.Time
	// Until is when the Windows that is there removes the folder by itself;
	// zero when it does not, or that is unknown. Reason tells where that is
	// from, or why there is no such time.
	Until  time.Time
	Reason string
	// GoBack is what the Windows that is there says of going back to this
	// one (UninstallActive): "yes", "no", or "" when it does not say.
	GoBack string
	// Unfinished says that Setup of the Windows that is there did not come to
	// its end; "" when it did.
	Unfinished string

	Problems []offline.Problem

	set *volumes.Set
	// What Describe tells of System.
	windows, product, version string
	// elsewhere: somebody put the folder into another one, as of a backup.
	elsewhere bool
	// parent is the folder of the host that holds Windows.old, "" when the
	// source is no such folder.
	parent string
}

// Kind is the kind of a folder that holds an older installation.
type Kind string

// Kinds of folders.
const (
	// WindowsOld is a Windows that Setup put aside.
	WindowsOld Kind = "Windows.old"
	// Upgrade is a Windows that an upgrade put aside which did not end:
	// $WINDOWS.~Q, $INPLACE.~TR, $UPGRADE.~OS.
	Upgrade Kind = "unfinished upgrade"
	// NewOS is the Windows that a failed upgrade was to become.
	NewOS Kind = "failed upgrade"
)

// KindOf tells what the name of a folder in the root of a volume says of it,
// "" for other names.
func KindOf(name string) Kind {
	up := wstr.Upper(name)
	switch {
	// Windows.old.000, Windows.old(1), Windows.old (1)
	case strings.HasPrefix(up, "WINDOWS.OLD"):
		return WindowsOld
	case up == "$WINDOWS.~Q", up == "$INPLACE.~TR", up == "$UPGRADE.~OS":
		return Upgrade
	case up == "$WINDOWS.~BT":
		return NewOS
	}
	return ""
}

// Release lets go of the installations, whose registries take much memory. What
// Describe tells stays.
func (o *Old) Release() { o.System, o.Live = nil, nil }

// names are all that o may be called: the folder or the Windows folder in it,
// with a letter or with the number of the volume.
func (o *Old) names() []string {
	list := []string{o.Folder, rawPath(o.Volume, o.Root)}
	// The letter that it had itself, for whoever reads it on the old disk.
	own := `C:\`
	if o.System != nil {
		own = o.System.Dir[:2] + `\`
	}
	list = append(list, winpath.Join(own, o.Root))
	if o.System != nil {
		inside, _ := winpath.Rel(o.Root, o.System.Root)
		for _, n := range list[:len(list):len(list)] {
			list = append(list, winpath.Join(n, inside))
		}
		list = append(list, o.System.Name)
	}
	return list
}
