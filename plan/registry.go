package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
)

// maxKeyDepth is Windows' own limit of registry levels.
const maxKeyDepth = 512

// registry plans the keys and values of the machine's hives and of every
// selected user's own.
func (b *builder) registry() error {
	if w := b.Rules.Keys("System", "HKLM"); w != nil {
		for _, name := range []string{"SAM", "SECURITY"} {
			if w.Enter(name) != nil {
				b.refuse(Refused{Path: `HKLM\` + name, Kind: Key, Outcome: Policy, Reason: policyReason})
			}
		}
		if err := b.keys(b.System.Software.Root(), w.Enter("SOFTWARE"), &KeyPath{Root: "HKLM", Path: `HKLM\SOFTWARE`}, 0, nil); err != nil {
			return err
		}
		if err := b.systemHive(w.Enter("SYSTEM")); err != nil {
			return err
		}
	}
	if err := b.otherHives(); err != nil {
		return err
	}
	if w := b.Rules.Keys("System", "HKCR"); w != nil {
		k, err := b.System.Software.Root().Key("Classes")
		if err == nil {
			err = b.keys(k, w, &KeyPath{Root: "HKCR", Path: "HKCR"}, 0, nil)
		} else if errors.Is(err, hive.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	for _, c := range b.Contexts {
		if c.User == nil {
			continue
		}
		w := b.Rules.Keys(c.Name, "HKCU")
		if w == nil {
			continue
		}
		owner := b.ownerOf(c.User)
		at := &KeyPath{Root: "HKCU", User: c.Name, Path: "HKCU"}
		root, err := c.User.HKCU("")
		if err != nil {
			b.refuse(Refused{Path: "HKCU", User: c.Name, Kind: Key, Outcome: Unreadable, Owner: owner,
				Reason: fmt.Sprintf("the settings of %s cannot be read: %v", b.Label(c.User), err)})
			continue
		}
		// Asked for so that UsrClass.dat is loaded; a user without one has
		// no classes.
		var classes *hive.Hive
		switch k, err := c.User.HKCU(`Software\Classes`); {
		case err == nil && k.Hive() != root.Hive():
			classes = k.Hive()
		case err != nil && !errors.Is(err, hive.ErrNotFound) && w.Enter("Software").Enter("Classes") != nil:
			b.refuse(Refused{Path: `HKCU\Software\Classes`, User: c.Name, Kind: Key, Outcome: Unreadable, Owner: owner,
				Reason: fmt.Sprintf("the classes of %s cannot be read: %v", b.Label(c.User), err)})
		}
		if err := b.keys(root, w, at, owner, classes); err != nil {
			return err
		}
	}
	return nil
}

// otherHives plans what rules rarely name: further hives of HKLM, and HKU.
func (b *builder) otherHives() error {
	if w := b.Rules.Keys("System", "HKLM"); w != nil {
		for _, name := range []string{"COMPONENTS", "DRIVERS"} {
			if err := b.hiveFile(b.System.Config(name), w.Enter(name), &KeyPath{Root: "HKLM", Path: `HKLM\` + name}); err != nil {
				return err
			}
		}
		// The boot configuration lies on a partition of its own.
		if w.Enter("BCD00000000") != nil {
			b.refuse(Refused{Path: `HKLM\BCD00000000`, Kind: Key, Outcome: Unsupported, Reason: "the boot configuration belongs to the disk, not to its people; it is not captured"})
		}
	}
	w := b.Rules.Keys("System", "HKU")
	if w == nil {
		return nil
	}
	for _, name := range []string{".DEFAULT", "S-1-5-18"} {
		if err := b.hiveFile(b.System.Config("DEFAULT"), w.Enter(name), &KeyPath{Root: "HKU", Path: `HKU\` + name}); err != nil {
			return err
		}
	}
	for _, u := range b.Users {
		cw := w.Enter(u.SID)
		if cw == nil || u.SID == "" || !u.Person() {
			continue
		}
		at := &KeyPath{Root: "HKU", Path: `HKU\` + u.ID}
		root, err := u.HKCU("")
		if err != nil {
			b.refuse(Refused{Path: at.Path, Kind: Key, Outcome: Unreadable, Reason: fmt.Sprintf("the settings of %s cannot be read: %v", b.Label(u), err), Owner: b.ownerOf(u)})
			continue
		}
		if err := b.keys(root, cw, at, b.ownerOf(u), nil); err != nil {
			return err
		}
	}
	return nil
}

// hiveFile plans the hive of a file; one that is not there has no keys.
func (b *builder) hiveFile(path string, w *rules.Walk, at *KeyPath) error {
	if w == nil {
		return nil
	}
	h, err := b.System.Hive(path)
	if errors.Is(err, volumes.ErrNotFound) {
		return nil
	}
	if err != nil {
		b.refuse(Refused{Path: at.Path, Kind: Key, Outcome: Unreadable, Reason: err.Error()})
		return nil
	}
	return b.keys(h.Root(), w, at, 0, nil)
}

// systemHive plans HKLM\SYSTEM. CurrentControlSet does not exist offline:
// below that name stands the control set that Select names.
func (b *builder) systemHive(w *rules.Walk) error {
	if w == nil {
		return nil
	}
	root := b.System.SystemHive.Root()
	if err := b.keys(root, w, &KeyPath{Root: "HKLM", Path: `HKLM\SYSTEM`}, 0, nil); err != nil {
		return err
	}
	ccs := w.Enter("CurrentControlSet")
	set, err := root.Key(fmt.Sprintf("ControlSet%03d", b.System.ControlSet))
	if ccs == nil || err != nil {
		return nil
	}
	// A rule for all of HKLM\SYSTEM has the control set under its own name.
	if own := w.Enter(set.Name()); own != nil && own.Self().Take {
		return nil
	}
	return b.keys(set, ccs, &KeyPath{Root: "HKLM", Path: `HKLM\SYSTEM\CurrentControlSet`}, 0, nil)
}

func (b *builder) ownerOf(u *profile.User) int16 {
	label := b.Label(u)
	for i, o := range b.Owners {
		if i > 0 && o == label {
			return int16(i)
		}
	}
	b.Owners = append(b.Owners, label)
	return int16(len(b.Owners) - 1)
}

// keyID tells keys apart, however they were reached.
type keyID struct {
	h   *hive.Hive
	off int64
}

// keys plans k and what is below. classes, when not nil, is the hive that
// stands at Software\Classes below k.
func (b *builder) keys(k hive.Key, w *rules.Walk, at *KeyPath, owner int16, classes *hive.Hive) error {
	if w == nil {
		return nil
	}
	first := len(b.Keys)
	if err := b.key(k, w, at, owner, classes, 0, map[keyID]bool{}); err != nil {
		return err
	}
	b.lost(k.Hive(), at, owner, first)
	if classes != nil && w.Enter("Software").Enter("Classes") != nil {
		b.lost(classes, &KeyPath{Root: at.Root, User: at.User, Path: at.Path + `\Software\Classes`}, owner, first)
	}
	return nil
}

// lost gives the key at, where h stands, its outcome when the hive is not
// whole: what it lacks cannot be named key by key. What there is of it is
// planned in b.Keys from first on.
func (b *builder) lost(h *hive.Hive, at *KeyPath, owner int16, first int) {
	st, ok := b.System.HiveStateOf(h)
	if !ok || st.Missing() == "" {
		return
	}
	own := slices.IndexFunc(b.Keys[first:], func(it KeyItem) bool { return !it.IsValue && it.Path.Path == at.Path })
	if own >= 0 {
		b.Keys = slices.Delete(b.Keys, first+own, first+own+1)
	}
	b.refuse(Refused{Path: at.Path, User: at.User, Kind: Key, Outcome: Damaged, Owner: owner,
		Reason: st.Missing() + "; what can be read of it is captured"})
}

func (b *builder) key(k hive.Key, w *rules.Walk, at *KeyPath, owner int16, classes *hive.Hive, depth int, seen map[keyID]bool) error {
	if w == nil || !b.onTheWay(at.Path) {
		return nil
	}
	if err := b.ctx.Err(); err != nil {
		return err
	}
	id := keyID{k.Hive(), k.Offset()}
	if depth > maxKeyDepth || seen[id] {
		b.refuse(Refused{Path: at.Path, User: at.User, Kind: Key, Outcome: Unreadable, Reason: "the hive is damaged: this key stands in several places, or is nested too deep; it is captured where it stands first", Owner: owner})
		return nil
	}
	seen[id] = true
	if d := w.Self(); d.Take {
		without, by := w.Without(at.Path)
		without &= migxml.LastWrittenTime // all the metadata of a key that is kept
		by = slices.DeleteFunc(by, func(r *rules.AttributeRule) bool { return r.Attributes&without == 0 })
		b.leftOut(without, by)
		b.Keys = append(b.Keys, KeyItem{Key: k, Path: at, Rule: d.Rule, Context: d.Context, Owner: owner, Without: without})
	}
	for v := range k.Values() {
		if d := w.LeafOf(v.Name(), value{v}); d.Take {
			b.Keys = append(b.Keys, KeyItem{Key: k, Path: at, Value: v, IsValue: true, Rule: d.Rule, Context: d.Context, Owner: owner})
		}
	}
	hasClasses := false
	for sub := range k.Subkeys() {
		name := sub.Name()
		cw := w.Enter(name)
		if depth == 1 && classes != nil && wstr.EqualFold(name, "Classes") && wstr.EqualFold(k.Name(), "Software") {
			hasClasses = true
			sub = classes.Root()
		}
		if cw == nil {
			continue
		}
		next := &KeyPath{Root: at.Root, User: at.User, Path: at.Path + `\` + name}
		if err := b.key(sub, cw, next, owner, classes, depth+1, seen); err != nil {
			return err
		}
	}
	if depth == 1 && classes != nil && !hasClasses && wstr.EqualFold(k.Name(), "Software") {
		next := &KeyPath{Root: at.Root, User: at.User, Path: at.Path + `\Classes`}
		return b.key(classes.Root(), w.Enter("Classes"), next, owner, nil, depth+1, seen)
	}
	return nil
}
