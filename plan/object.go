package plan

import (
	"io"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// file tells the filters of rules about a file: rules.Object.
type file struct {
	fs   volumes.FS
	e    volumes.Entry
	info volumes.Info
	bias time.Duration
}

func (f *file) Size() int64 {
	if winfs.IsNameSurrogate(f.info.Reparse) {
		return -1
	}
	return f.info.Size
}

// Time is in local time as Windows shows dates: with the difference to UTC
// that is in force, whatever was in force on the day.
func (f *file) Time(p migxml.Property) time.Time {
	var t wstr.Filetime
	switch p {
	case migxml.DateCreated:
		t = f.info.Created
	case migxml.DateModified:
		t = f.info.Modified
	case migxml.DateAccessed:
		t = f.info.Accessed
	}
	if t == 0 {
		return time.Time{}
	}
	return t.Time().UTC().Add(-f.bias)
}

func (f *file) HiddenSystem() bool {
	const both = winfs.AttrHidden | winfs.AttrSystem
	return f.info.Attr&both == both
}

// Text is the content of a file of up to 1 MiB that is on the disk.
func (f *file) Text() (string, bool) {
	if f.info.Size > maxText || f.info.NotLocal() || f.info.Mode&winfs.Encrypted != 0 || winfs.IsNameSurrogate(f.info.Reparse) {
		return "", false
	}
	s, err := f.fs.Open(f.e, "")
	if err != nil {
		return "", false
	}
	if c, ok := s.(io.Closer); ok {
		defer c.Close()
	}
	b := make([]byte, f.info.Size)
	if n, err := s.ReadAt(b, 0); n != len(b) && err != nil {
		return "", false
	}
	return fileText(b), true
}

// value tells filters about a value of the registry.
type value struct{ v hive.Value }

func (value) Size() int64                    { return -1 }
func (value) Time(migxml.Property) time.Time { return time.Time{} }
func (value) HiddenSystem() bool             { return false }
func (o value) Text() (string, bool)         { return valueText(o.v), true }

// bias is what has to be added to the local time of the source to get UTC.
func bias(sys *offline.System) time.Duration {
	k, err := sys.Control(`Control\TimeZoneInformation`)
	if err != nil {
		return 0
	}
	for _, name := range []string{"ActiveTimeBias", "Bias"} {
		if v, err := k.Value(name); err == nil {
			if n, ok := v.Uint(); ok {
				return time.Duration(int32(n)) * time.Minute
			}
		}
	}
	return 0
}
