package plan

import (
	"errors"
	"fmt"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
)

// belowHKU says whether u is a user that HKU has keys of: everybody but the
// system itself, whose hive is .DEFAULT, and what only repeats a profile.
func belowHKU(u *profile.User) bool {
	return u.ID != "" && u.RepeatOf == "" && !wstr.EqualFold(u.SID, "S-1-5-18")
}

// serviceHives opens the registry files of a service account, which package
// profile does not read: NTUSER.DAT, and UsrClass.dat, nil where there is none.
// open opens a file by its path.
func serviceHives(u *profile.User, open func(path string) (*hive.Hive, error)) (own, classes *hive.Hive, err, classesErr error) {
	if u.Dir == "" {
		return nil, nil, fmt.Errorf("%s has no profile folder: %w", u.ID, volumes.ErrNotFound), nil
	}
	if own, err = open(winpath.Join(u.Dir, "NTUSER.DAT")); err != nil {
		return nil, nil, err, nil
	}
	for _, local := range []string{`AppData\Local`, `Local Settings\Application Data`} {
		classes, classesErr = open(winpath.Join(u.Dir, local, `Microsoft\Windows\UsrClass.dat`))
		if !errors.Is(classesErr, volumes.ErrNotFound) {
			return own, classes, nil, classesErr
		}
	}
	return own, nil, nil, nil
}

// hkuKey opens a key of u by its path below HKU\ID.
func hkuKey(u *profile.User, path string, open func(path string) (*hive.Hive, error)) (hive.Key, error) {
	if u.Person() {
		return u.HKCU(path)
	}
	h, classes, err, classesErr := serviceHives(u, open)
	if err != nil {
		if errors.Is(err, volumes.ErrNotFound) {
			err = fmt.Errorf("%w: %w", err, hive.ErrNotFound)
		}
		return hive.Key{}, err
	}
	if rest, ok := winpath.Rel(`Software\Classes`, path); ok && (classes != nil || classesErr != nil) {
		if classesErr != nil {
			return hive.Key{}, classesErr
		}
		h, path = classes, rest
	}
	if path == "" {
		return h.Root(), nil
	}
	return h.Root().Key(path)
}

// serviceKeys plans the keys of a service, whose root is at. They are the
// machine's, and a service that never had settings has none.
func (b *builder) serviceKeys(u *profile.User, w *rules.Walk, at *KeyPath) error {
	h, classes, err, classesErr := serviceHives(u, b.System.Hive)
	switch {
	case errors.Is(err, volumes.ErrNotFound) && !w.Named():
		return nil
	case err != nil:
		b.refuse(Refused{Path: at.Path, Kind: Key, Outcome: Unreadable, Reason: fmt.Sprintf("the settings of the service %s cannot be read: %v", b.Label(u), err)})
		return nil
	case classesErr != nil && w.Enter("Software").Enter("Classes") != nil:
		b.refuse(Refused{Path: at.Path + `\Software\Classes`, Kind: Key, Outcome: Unreadable, Reason: fmt.Sprintf("the classes of the service %s cannot be read: %v", b.Label(u), classesErr)})
	}
	return b.keys(h.Root(), w, at, 0, classes)
}
