package capture

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/regtext"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
)

// partSize is the size at which a .reg file ends (docs/format.md).
const partSize = 8 << 20

// registry captures the keys and values of the plan: each as a line of the
// catalog, the values as .reg text in parts.
func (r *run) registry(ctx context.Context) error {
	var p *part
	for i := range r.Keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		it := &r.Keys[i]
		group, root := groupOf(it.Path)
		if p == nil || p.group != group || p.w.Size() >= partSize {
			n := 1
			if p != nil {
				if err := r.endPart(p); err != nil {
					return err
				}
				if p.group == group {
					n = p.n + 1
				}
			}
			p = newPart(group, root, n)
		}
		if err := r.regItem(p, it); err != nil {
			return err
		}
	}
	if p == nil {
		return nil
	}
	return r.endPart(p)
}

// part is a .reg file being written.
type part struct {
	group string // "HKLM-SOFTWARE", or the SID
	root  string // "HKLM", "HKCU": replaced by its long name
	n     int
	path  wstr.Text
	buf   bytes.Buffer
	w     *regtext.Writer
	key   *plan.KeyPath
	keyOK bool
	used  bool
}

func newPart(group, root string, n int) *part {
	p := &part{group: group, root: root, n: n}
	p.path = wstr.Text(fmt.Sprintf(`registry\%s.%03d.reg`, group, n))
	p.w = regtext.NewWriter(&p.buf)
	return p
}

func groupOf(k *plan.KeyPath) (group, root string) {
	if k.User != "" {
		return strings.NewReplacer("|", "-", `\`, "-", "/", "-").Replace(k.User), k.Root
	}
	names := strings.SplitN(k.Path, `\`, 3)
	if len(names) > 1 && k.Root != "HKCR" {
		return k.Root + "-" + wstr.Upper(names[1]), k.Root
	}
	return k.Root, k.Root
}

var longRoots = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS",
}

func (r *run) endPart(p *part) error {
	if !p.used {
		return nil
	}
	if err := p.w.Err(); err != nil {
		return err
	}
	o := &store.Object{Path: p.path, Kind: store.Part, Outcome: store.Captured, Size: int64(p.buf.Len())}
	return r.w.Put(o, p.buf.Bytes())
}

func (r *run) regItem(p *part, it *plan.KeyItem) error {
	o := &store.Object{
		Path: wstr.Text(it.Path.Path), Kind: store.Key, User: it.Path.User,
		Outcome: store.Captured, Modified: it.Key.LastWrite(), Rule: int(it.Rule) + 1,
	}
	if p.key != it.Path {
		p.key = it.Path
		p.keyOK = p.w.Key(longRoots[p.root] + strings.TrimPrefix(it.Path.Path, p.root))
		p.used = p.used || p.keyOK
	}
	if !it.IsValue {
		leaveOut(o, it.Without)
		if p.keyOK {
			o.In = p.path
		}
		return r.put(o, nil)
	}
	o.Kind, o.Modified = store.Value, 0
	v := it.Value
	o.Stream, o.Type, o.Size = wstr.Text(v.Name()), uint32(v.Type()), int64(v.Size())
	data, err := v.Data()
	if err != nil {
		o.Outcome, o.Reason = store.Unreadable, err.Error()
		r.cause = err
		defer func() { r.cause = nil }()
		return r.put(o, nil)
	}
	if p.keyOK && p.w.Value(v.Name(), uint32(v.Type()), data) {
		o.In = p.path
	} else {
		r.res.Unrepresentable++
		o.Data = data
	}
	return r.put(o, nil)
}
