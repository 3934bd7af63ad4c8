package capture

import (
	"context"
	"crypto/sha256"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
)

// hashAll hashes the contents of whole batches on all cores.
func hashAll(ctx context.Context, in <-chan *batch, out chan<- *batch) error {
	for b := range in {
		hashBatch(b)
		select {
		case out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func hashBatch(b *batch) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(b.pieces) {
					return
				}
				p := &b.pieces[i]
				if p.content == nil || !p.o.Outcome.Stored() {
					continue
				}
				if SecretHive(p.content) {
					p.o.Outcome, p.o.Reason = store.Excluded, secretReason
					continue
				}
				p.o.SHA256 = sha256.Sum256(p.content)
			}
		})
	}
	wg.Wait()
}

// storeAll hands everything to the store, in order.
func (r *run) storeAll(ctx context.Context, in <-chan *batch, free chan<- []byte) error {
	for b := range in {
		if err := ctx.Err(); err != nil {
			return err
		}
		doing := ""
		for i := range b.pieces {
			p := &b.pieces[i]
			if err := r.piece(p); err != nil {
				return err
			}
			doing = string(p.o.Path)
		}
		if b.large != nil {
			if err := r.storeLarge(b); err != nil {
				return err
			}
			doing = string(b.large.o.Path)
		}
		if b.buf != nil {
			free <- b.buf
		}
		r.tell(doing)
	}
	return nil
}

func (r *run) piece(p *piece) error {
	r.cause = p.cause
	switch {
	case p.first != nil:
		r.cause = r.causes[p.first]
	case p.cause != nil && len(r.causes) < maxFailures:
		r.causes[p.o] = p.cause
	}
	defer func() { r.cause = nil }()
	if err := r.describe(p); err != nil {
		return err
	}
	if p.first == nil {
		return r.put(p.o, p.content)
	}
	// A further name of a file: it shares the content of the first, and its
	// fate.
	f := p.first
	p.o.Size = f.Size
	if !f.Outcome.Stored() {
		p.o.Outcome, p.o.Reason = f.Outcome, f.Reason
		return r.put(p.o, nil)
	}
	if err := r.w.PutLink(p.o, f); err != nil {
		return r.refusedByStore(p.o, err)
	}
	if f.Outcome == store.Damaged || f.Outcome == store.Changed {
		// The store calls it a link; the person must hear of the damage.
		c := *p.o
		c.Outcome, c.Reason, c.Ranges = f.Outcome, f.Reason, f.Ranges
		return r.count(&c)
	}
	return r.count(p.o)
}

// These stand for a security descriptor that cannot be read, and for one that
// is damaged, so that what rules leave out cannot be taken from it.
const (
	badDescriptor     = -1
	damagedDescriptor = -2
)

// describe adds what only the storing goroutine may ask the store for.
func (r *run) describe(p *piece) error {
	if p.item == nil || p.sec.id == 0 {
		return nil
	}
	n, ok := r.security[p.sec]
	if !ok {
		// Descriptors without an id of their own file are rare; those with one
		// are shared by thousands.
		// The reader may skim at this moment; this cannot be put off.
		v := &r.Volumes[p.item.Volume]
		v.Volume.Insist(true)
		b, err := v.FS.Security(p.item.Entry)
		v.Volume.Insist(false)
		if errors.Is(err, volumes.ErrGone) {
			// The content was read before: it is stored without.
			r.undescribed = err
		}
		n = badDescriptor
		if err == nil && p.sec.without != 0 && len(b) > 0 {
			n = damagedDescriptor
			b, err = stripped(b, p.sec.without)
		}
		if err == nil {
			if n, err = r.w.Security(b); err != nil {
				return err
			}
		}
		r.security[p.sec] = n
	}
	if n < 0 {
		what := "its owner and permissions cannot be read"
		if n == damagedDescriptor {
			what = "its owner and permissions are damaged, so that the parts that rules leave out cannot be taken from them: none of them are kept"
		}
		switch {
		case strings.HasSuffix(p.o.Reason, what):
			return nil // a large content is described when the store is asked for it, and again
		case p.o.Reason == "":
			p.o.Reason = what
		case p.o.Outcome.Stored():
			p.o.Reason += "; " + what
		default:
			return nil // it has no content that could lack them
		}
		r.res.Undescribed++
		return nil
	}
	p.o.SD = n
	return nil
}

// stripped is the security descriptor b without the parts that the rules leave
// out.
func stripped(b []byte, without migxml.Attributes) ([]byte, error) {
	d, err := winsec.Parse(b)
	if err != nil {
		return nil, err
	}
	d.Strip(without&migxml.Owner != 0, without&migxml.Group != 0, without&migxml.DACL != 0, without&migxml.SACL != 0)
	return d.Binary(), nil
}

func (r *run) storeLarge(b *batch) error {
	l := b.large
	if l.ask {
		var ok bool
		var err error
		if l.known == [32]byte{} {
			ok = r.w.Candidate(l.size, l.head)
		} else {
			if err := r.describe(&l.piece); err != nil {
				return err
			}
			if ok, err = r.w.PutKnown(l.o, l.known); err != nil {
				return err
			}
			if ok {
				err = r.count(l.o)
			}
		}
		l.answer <- ok
		return err
	}
	if l.refused {
		return nil
	}
	if l.member == nil {
		if err := r.describe(&l.piece); err != nil {
			return err
		}
		m, err := r.w.Start(l.o, l.size, l.holes)
		if err != nil {
			l.refused = true
			return r.refusedByStore(l.o, err)
		}
		l.member = m
	}
	r.damage(&l.piece, 0, b.bad)
	if b.short >= 0 && l.o.Outcome != store.Changed {
		r.changed(l.o, b.short)
	}
	if b.changed != "" && l.o.Outcome == store.Captured {
		l.o.Outcome, l.o.Reason = store.Changed, b.changed
	}
	if _, err := l.member.Write(b.buf[:b.n]); err != nil {
		return err
	}
	r.partial += int64(b.n)
	r.progress.Bytes += int64(b.n)
	if !b.last {
		return nil
	}
	if err := l.member.Close(); err != nil {
		return err
	}
	r.cause = l.cause
	defer func() { r.cause = nil }()
	return r.count(l.o)
}

const secretReason = "it is a registry hive of accounts or secrets (SAM, SECURITY); password material is never captured, whatever a rule says"

// MaxSecretHive is far above the size of any SAM or SECURITY hive; of a larger
// hive that much is looked at.
const MaxSecretHive = 64 << 20

// SecretHive says whether b is a SAM or SECURITY hive, or a log of one, under
// whatever name it lies: people keep copies.
func SecretHive(b []byte) bool {
	if len(b) < 512 || string(b[:4]) != "regf" {
		return lostBase(b) && secretNames(b)
	}
	// The base block ends its file name with the last part of the path.
	name := wstr.Upper(wstr.FromUTF16LE(b[48:112]))
	name, _, _ = strings.Cut(name, "\x00")
	name = name[strings.LastIndexAny(name, `\/`)+1:]
	name, _, _ = strings.Cut(name, ".")
	if name == "SAM" || name == "SECURITY" {
		return true
	}
	h, err := hive.Open(b)
	if err != nil {
		return secretNames(b)
	}
	root := h.Root()
	for _, path := range []string{`SAM\Domains\Account`, `Domains\Account\Users`, `SAM\Domains\Builtin`, `Policy\Secrets`, `Policy\PolSecretEncryptionKey`, `Policy\PolEKList`, `Cache\NL$Control`} {
		if _, err := root.Key(path); err == nil {
			return true
		}
	}
	// What these paths go through may be lost.
	return h.ProblemCount() > 0 && secretNames(b)
}

// lostBase says whether b is a hive whose first sector was lost to a bad one:
// zeros, and bins behind it.
func lostBase(b []byte) bool {
	const page = 4096
	for _, c := range b[:min(len(b), 512)] {
		if c != 0 {
			return false
		}
	}
	for off := page; off+4 <= len(b) && off <= 16*page; off += page {
		if string(b[off:off+4]) == "hbin" {
			return true
		}
	}
	return false
}

// secretNames looks in the bytes of a hive that does not open for nk cells with
// names that only SAM and SECURITY have: groups, accounts by their RID, the keys
// of the policy.
func secretNames(b []byte) bool {
	const (
		nameLength = 72 // from the signature of an nk cell
		name       = 76
	)
	for i := 4; i+name < len(b); i += 8 {
		if b[i] != 'n' || b[i+1] != 'k' {
			continue
		}
		n := int(b[i+nameLength]) | int(b[i+nameLength+1])<<8
		if n > len(b)-i-name {
			continue
		}
		switch s := string(b[i+name : i+name+n]); s {
		case "Aliases", "Builtin", "RXACT", "PolSecretEncryptionKey", "PolEKList", "PolAdtEv", "PolAcDmS", "PolPrDmS", "NL$Control", "NL$KM", "DPAPI_SYSTEM", "CurrVal", "OldVal":
			return true
		default:
			if len(s) == 8 && strings.HasPrefix(s, "0000") && strings.Trim(s, "0123456789ABCDEF") == "" {
				return true
			}
		}
	}
	return false
}
