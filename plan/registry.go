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
		for _, h := range b.machineHives() {
			if h.hive == nil {
				continue
			}
			if err := b.keys(h.hive.Root(), w.Enter(h.name), &KeyPath{Root: "HKLM", Path: `HKLM\` + h.name}, 0, nil); err != nil {
				return err
			}
		}
	}
	b.deadHives()
	if err := b.otherHives(); err != nil {
		return err
	}
	for _, c := range b.Contexts {
		if c.User == nil {
			continue
		}
		w := b.Rules.Keys(c.Name, "HKCU")
		if w == nil {
			continue
		}
		if err := b.userKeys(c.User, w, &KeyPath{Root: "HKCU", User: c.Name, Path: "HKCU"}); err != nil {
			return err
		}
	}
	return nil
}

// userKeys plans the keys of u, whose root is at.
func (b *builder) userKeys(u *profile.User, w *rules.Walk, at *KeyPath) error {
	owner := b.ownerOf(u)
	root, err := u.HKCU("")
	if err != nil {
		b.refuse(Refused{Path: at.Path, User: at.User, Kind: Key, Outcome: Unreadable, Owner: owner,
			Reason: fmt.Sprintf("the settings of %s cannot be read: %v", b.Label(u), err)})
		return nil
	}
	// Asked for so that UsrClass.dat is loaded; a user without one has no
	// classes.
	var classes *hive.Hive
	switch k, err := u.HKCU(`Software\Classes`); {
	case err == nil && k.Hive() != root.Hive():
		classes = k.Hive()
	case err != nil && !errors.Is(err, hive.ErrNotFound) && w.Enter("Software").Enter("Classes") != nil:
		b.refuse(Refused{Path: at.Path + `\Software\Classes`, User: at.User, Kind: Key, Outcome: Unreadable, Owner: owner,
			Reason: fmt.Sprintf("the classes of %s cannot be read: %v", b.Label(u), err)})
	}
	return b.keys(root, w, at, owner, classes)
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
	if err := b.hiveFile(b.System.Config("DEFAULT"), w.Enter(".DEFAULT"), &KeyPath{Root: "HKU", Path: `HKU\.DEFAULT`}); err != nil {
		return err
	}
	// The users whose rules run have their keys below HKCU.
	for _, u := range b.Users {
		if !belowHKU(u) || slices.ContainsFunc(b.Contexts, func(c Context) bool { return c.User == u }) {
			continue
		}
		cw := w.Enter(u.ID)
		if cw == nil {
			continue
		}
		read := b.userKeys
		if !u.Person() {
			read = b.serviceKeys
		}
		if err := read(u, cw, &KeyPath{Root: "HKU", Path: `HKU\` + u.ID}); err != nil {
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
		if depth == 0 && at.Path == `HKLM\SYSTEM` {
			// CurrentControlSet does not exist on a disk: it is the control set
			// that Select names.
			set := b.controlSet()
			if wstr.EqualFold(name, set) {
				name = "CurrentControlSet"
			} else if _, err := k.Key(set); err == nil && wstr.EqualFold(name, "CurrentControlSet") {
				continue // a link that is left of a running Windows
			}
		}
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
