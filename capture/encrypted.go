package capture

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/coldstate/coldstate/internal/efs"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// rawContent is an encrypted file in the raw form of EFS.
type rawContent struct{ *efs.Raw }

func (rawContent) Extents() []winfs.Extent { return nil }
func (rawContent) Holes() []winfs.Extent   { return nil }

// errNoEncrypter says that a file system does not give ciphertext.
var errNoEncrypter = errors.New("it is encrypted with EFS, and a folder of this host does not give its ciphertext: give the disk itself as the source")

// Raw gives a stream that EFS encrypted as ciphertext with what is needed to
// decrypt it, in the form that Windows takes back (WriteEncryptedFileRaw). That
// of the unnamed stream holds the other encrypted ones as well. doubt says why
// it may not be known who can decrypt it, "" when it is.
func Raw(fs winfs.FS, e winfs.Entry, stream string) (content winfs.Stream, about *store.EFS, doubt string, err error) {
	if x, ok := fs.(winfs.RawExporter); ok && stream == "" {
		s, err := x.EFSRaw(e)
		if err != nil {
			return nil, nil, "", err
		}
		meta, size, err := efs.ReadRaw(s, s.Size())
		about, doubt := whoCan(meta)
		if err != nil {
			doubt = "who can decrypt it is not wholly known: " + err.Error()
		}
		about.Size = size
		return s, about, doubt, nil
	}
	x, ok := fs.(winfs.Encrypter)
	if !ok {
		return nil, nil, "", errNoEncrypter
	}
	meta, err := x.EFS(e)
	if err != nil {
		return nil, nil, "", fmt.Errorf("it is encrypted with EFS, and the keys to it ($EFS) cannot be read: %w", err)
	}
	names := []string{stream}
	if stream == "" {
		ss, err := fs.Streams(e)
		if err != nil {
			return nil, nil, "", fmt.Errorf("its streams cannot be listed: %w", err)
		}
		for _, s := range ss {
			if s.Mode&winfs.Encrypted != 0 {
				names = append(names, s.Name)
			}
		}
	}
	about, doubt = whoCan(meta)
	var streams []efs.Stream
	var cluster int64
	for i, name := range names {
		c, err := x.OpenRaw(e, name)
		if err != nil {
			return nil, nil, "", err
		}
		if i == 0 {
			about.Size, cluster = c.Size, c.Cluster
		}
		s := efs.Stream{Name: name, Size: c.Size, Valid: c.Valid, Data: c.Data, Sparse: c.Sparse}
		for _, h := range c.Data.Holes() {
			s.Holes = append(s.Holes, efs.Hole{Off: h.Off, Len: h.Len})
		}
		streams = append(streams, s)
	}
	raw, err := efs.NewRaw(meta, cluster, streams)
	if err != nil {
		return nil, nil, "", fmt.Errorf("it is encrypted with EFS: %w", err)
	}
	return rawContent{raw}, about, doubt, nil
}

// whoCan reads who can decrypt a file out of its $EFS.
func whoCan(meta []byte) (about *store.EFS, doubt string) {
	m, err := efs.Parse(meta)
	if err != nil {
		doubt = "who can decrypt it is not wholly known: " + err.Error()
	}
	return &store.EFS{Users: keys(m.Users), Agents: keys(m.Agents)}, doubt
}

// encrypted puts a stream that EFS encrypted on its way.
func (r *reader) encrypted(p piece, stream string, info *winfs.Info) error {
	o := p.o
	if r.opt.SkipEncrypted {
		o.Outcome, o.Reason = store.EncryptedSkipped, "it is encrypted with EFS, and encrypted files are left out as was asked"
		return r.add(p)
	}
	s, about, doubt, err := Raw(r.Volumes[p.item.Volume].FS, p.item.Entry, stream)
	if r.vanished(err) {
		return r.gone
	}
	if err != nil {
		switch o.Reason = err.Error(); {
		case err == errNoEncrypter:
			o.Outcome = store.EncryptedSkipped
		case errors.Is(err, errors.ErrUnsupported):
			o.Outcome = store.Unsupported
		default:
			o.Outcome = store.Unreadable
		}
		return r.add(p)
	}
	// Raw stays when a read error makes it damaged.
	o.Outcome, o.Reason, o.Raw, o.EFS, o.Size = store.EncryptedRaw, doubt, true, about, s.Size()
	if info.Damage != "" {
		o.Outcome, o.Reason = store.Damaged, info.Damage
	}
	return r.content(p, s)
}

func keys(list []efs.Key) []store.EFSKey {
	var out []store.EFSKey
	for _, k := range list[:min(len(list), store.MaxEFSKeys)] {
		out = append(out, store.EFSKey{SID: k.SID, Name: wstr.Text(cmp.Or(k.Name, k.Container)), Thumbprint: k.Thumbprint})
	}
	return out
}

// Encrypted counts the files of a plan that EFS encrypted, and gives the path
// of the first.
func Encrypted(p *plan.Plan) (n int64, first string) {
	for i := range p.Items {
		it := &p.Items[i]
		if it.Kind != plan.File {
			continue
		}
		info, err := p.Volumes[it.Volume].FS.Info(it.Entry)
		if err != nil || info.Mode&winfs.Encrypted == 0 || info.NotLocal() {
			continue
		}
		if n++; n == 1 {
			first = p.Path(it)
		}
	}
	return n, first
}
