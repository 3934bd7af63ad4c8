package winold

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// Builds in which the time that Windows keeps Windows.old changed.
const (
	build8    = 9200  // 28 days, before that until somebody runs Disk Cleanup
	build10   = 10240 // 30 days
	build1607 = 14393 // 10 days
)

// lifetime fills what the Windows that is there tells of o.
func (o *Old) lifetime() {
	o.withLive(func(live *offline.System, _ *volumes.Volume, why string) {
		if live == nil {
			o.Reason = why
			return
		}
		o.LiveName, o.LiveProduct = live.Name, live.Product
		if o.Live == nil {
			o.LiveName = o.parent
		}
		setup, err := live.HKLM(`SYSTEM\Setup`)
		if err != nil {
			o.problem(`HKLM\SYSTEM\Setup`, "of %s cannot be read (%v): what is said of the time that is left is a guess", o.LiveName, err)
		}
		if n, ok := setup.DWord("UninstallActive"); ok {
			o.GoBack = "yes"
			if n == 0 {
				o.GoBack = "no"
			}
		}
		var state []string
		for _, name := range []string{"SystemSetupInProgress", "SetupType"} {
			if n, ok := setup.DWord(name); ok && n != 0 {
				state = append(state, fmt.Sprintf("%s is %d", name, n))
			}
		}
		if state != nil {
			o.Unfinished = fmt.Sprintf(`Setup of %s did not come to its end (HKLM\SYSTEM\Setup: %s)`, o.LiveName, strings.Join(state, ", "))
		}
		if o.Kind != WindowsOld {
			o.Reason = "Disk Cleanup removes what a failed or broken-off upgrade left, when somebody runs it"
			return
		}
		days, why := keeps(live)
		if n, ok := setup.DWord("UninstallWindow"); ok && n >= 2 && n <= 60 && live.Build >= build10 {
			days, why = int(n), fmt.Sprintf(`UninstallWindow in HKLM\SYSTEM\Setup says %d days`, n)
		}
		from, since := o.Made, "the folder was made"
		// A copy of the folder is younger than what it is a copy of. Setup makes
		// both within the hour.
		if i := live.InstallDate; !i.IsZero() && (from.IsZero() || i.Before(from)) {
			from, since = i, live.Name+" was installed"
		}
		switch {
		case days == 0:
			o.Reason = why
		case from.IsZero():
			o.Reason = why + ", but nothing tells since when"
		default:
			o.Until = from.Add(time.Duration(days) * 24 * time.Hour)
			o.Reason = fmt.Sprintf("%s; %s on %s", why, since, from.UTC().Format("2006-01-02"))
		}
	})
}

// keeps tells for how many days a Windows keeps Windows.old, 0 for ever, and
// where that is from.
func keeps(live *offline.System) (days int, why string) {
	switch {
	case live.Build == 0:
		return 0, "how long it is kept is not known, as the version of " + live.Name + " is not"
	case live.Build >= build1607:
		return 10, "Windows 10 (since 1607) and 11 keep it for 10 days"
	case live.Build >= build10:
		return 30, "Windows 10 before 1607 keeps it for 30 days"
	case live.Build >= build8:
		return 28, "Windows 8 and 8.1 keep it for 28 days"
	}
	return 0, live.Product + " keeps it until somebody runs Disk Cleanup"
}

// DaysLeft is the number of whole days until the Windows that is there may
// remove the folder; zero and less mean that its next start may do so. It
// says whether there is such a time.
func (o *Old) DaysLeft(now time.Time) (int, bool) {
	if o.Until.IsZero() {
		return 0, false
	}
	return int(math.Floor(o.Until.Sub(now).Hours() / 24)), true
}

// withLive calls f with the Windows that is there and the volume it is on.
// When there is none that can be read, live is nil and why says so; the volume
// may be there all the same. They are of use in f only: for a source that is
// the folder Windows.old, the folder that it is in is opened for the time.
func (o *Old) withLive(f func(live *offline.System, v *volumes.Volume, why string)) {
	switch {
	case o.Live != nil:
		f(o.Live, o.Volume, "")
		return
	case o.elsewhere:
		f(nil, nil, "somebody put it where it is; no Windows removes it")
		return
	case o.parent == "":
		f(nil, o.Volume, fmt.Sprintf("there is no Windows beside it on volume %d that can be read", o.Volume.Number))
		return
	}
	set, err := volumes.Open([]string{o.parent}, volumes.Options{})
	if err != nil {
		f(nil, nil, fmt.Sprintf("what is beside it in %s cannot be read: %v", o.parent, err))
		return
	}
	defer set.Close()
	why := fmt.Sprintf("there is no Windows beside it in %s that can be read", o.parent)
	systems, problems, err := offline.Find(set, offline.Options{})
	switch {
	case err != nil:
		why += ": " + err.Error()
	case len(systems) == 0 && len(problems) > 0:
		// The running Windows keeps its registry to itself.
		why += ": " + problems[0].String()
	}
	find := finder{systems: systems}
	f(find.live(set.Volumes[0]), set.Volumes[0], why)
}

func (o *Old) problem(where, format string, args ...any) {
	o.Problems = append(o.Problems, offline.Problem{Where: where, What: fmt.Sprintf(format, args...)})
}
