package profile

import (
	"context"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Kinds of data in a profile, in the order of Sizes.Kinds.
const (
	SizeDocuments = "documents"
	SizePictures  = "pictures"
	SizeMusic     = "music"
	SizeVideos    = "videos"
	SizeDownloads = "downloads"
	SizeDesktop   = "desktop"
	SizeMail      = "mail"    // mail folders of programs, and .pst, .ost, .eml, .mbox anywhere
	SizeAppData   = "appdata" // what programs keep
	SizeOther     = "other"
)

var sizeKinds = []string{SizeDocuments, SizePictures, SizeMusic, SizeVideos, SizeDownloads, SizeDesktop, SizeMail, SizeAppData, SizeOther}

// Size is how much of one kind of data there is.
type Size struct {
	Kind  string `json:"kind"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"` // of the contents that are on the disk
	// OnlineFiles are files of a cloud that are not on this disk, or not
	// whole; OnlineBytes is the size they would have.
	OnlineFiles int64 `json:"online_files,omitempty"`
	OnlineBytes int64 `json:"online_bytes,omitempty"`
}

// Sizes is how much data a user has.
type Sizes struct {
	Kinds []Size `json:"kinds"` // all of them, in the order of the constants
	Total Size   `json:"total"` // of all kinds; its Kind is "total"
	// Unreadable counts files and folders that could not be looked at.
	Unreadable int64 `json:"unreadable,omitempty"`
}

// Of is the size of one kind.
func (s *Sizes) Of(kind string) Size {
	for _, k := range s.Kinds {
		if k.Kind == kind {
			return k
		}
	}
	return Size{Kind: kind}
}

// maxSizeDepth is above every path of a sound volume (32,767 characters).
const maxSizeDepth = 16384

// Sizes walks the profile folder, and the folders that the user has
// elsewhere on the disks, once and adds up the sizes of the files. Links are
// not followed, alternate streams are not counted, a file with several names
// in the profile counts once. What cannot be read is counted; the error is
// only that of ctx.
func (u *User) Sizes(ctx context.Context) (*Sizes, error) {
	w := &sizer{ctx: ctx, kinds: map[place]int{}, dirs: map[place]bool{}, links: map[fileOf]bool{}}
	w.out.Total.Kind = "total"
	for _, k := range sizeKinds {
		w.out.Kinds = append(w.out.Kinds, Size{Kind: k})
	}
	if u.sys == nil {
		return &w.out, nil
	}
	var roots []string
	add := func(kind, path string) {
		if path == "" {
			return
		}
		if at, ok := u.place(path); ok {
			// A folder that is set to the profile folder itself tells nothing.
			if _, taken := w.kinds[at]; !taken && !wstr.EqualFold(path, u.Dir) {
				w.kinds[at] = w.index(kind)
			}
			roots = append(roots, path)
		}
	}
	for _, f := range []struct{ kind, folder string }{
		{SizeDocuments, "Documents"}, {SizePictures, "Pictures"}, {SizeMusic, "Music"}, {SizeVideos, "Videos"},
		{SizeDownloads, "Downloads"}, {SizeDesktop, "Desktop"},
		{SizeAppData, "RoamingAppData"}, {SizeAppData, "LocalAppData"}, {SizeAppData, "LocalAppDataLow"},
	} {
		add(f.kind, u.Folders[f.folder].Path)
	}
	if u.DirFound {
		for _, name := range []string{"AppData", "Application Data", "Local Settings"} {
			add(SizeAppData, winpath.Join(u.Dir, name))
		}
		roots = append([]string{u.Dir}, roots...)
	}
	for _, app := range []string{"RoamingAppData", "LocalAppData"} {
		for _, name := range mailFolders {
			if p := u.Folders[app].Path; p != "" {
				add(SizeMail, winpath.Join(p, name))
			}
		}
	}
	for _, path := range roots {
		at, ok := u.place(path)
		if !ok {
			if u.DirFound && path == u.Dir {
				w.out.Unreadable++
			}
			continue
		}
		info, err := at.fs.Info(at.entry)
		if err != nil {
			w.out.Unreadable++
			continue
		}
		if !info.IsDir() || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		if err := w.folder(at, w.index(SizeOther), 0); err != nil {
			return &w.out, err
		}
	}
	for _, k := range w.out.Kinds {
		t := &w.out.Total
		t.Files, t.Bytes = t.Files+k.Files, t.Bytes+k.Bytes
		t.OnlineFiles, t.OnlineBytes = t.OnlineFiles+k.OnlineFiles, t.OnlineBytes+k.OnlineBytes
	}
	return &w.out, nil
}

// mailFolders are where mail programs keep mail, below AppData.
var mailFolders = []string{`Microsoft\Outlook`, "Thunderbird", `Microsoft\Windows Mail`, `Microsoft\Windows Live Mail`, `Microsoft\Outlook Express`, "Identities", `Comms\Unistore`}

// mailFile says whether a file holds mail by the end of its name.
func mailFile(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	switch wstr.Upper(name[i+1:]) {
	case "PST", "OST", "EML", "MBOX", "DBX", "WAB", "OLM":
		return true
	}
	return false
}

// place is an entry of a file system.
type place struct {
	fs    volumes.FS
	entry volumes.Entry
}

type fileOf struct {
	fs   volumes.FS
	file volumes.FileID
}

// place finds the entry at path.
func (u *User) place(path string) (place, bool) { return placeOf(u.sys, path) }

func placeOf(sys *offline.System, path string) (place, bool) {
	v, e, err := sys.Resolve(path)
	if err != nil {
		return place{}, false
	}
	fs, err := v.FS()
	if err != nil {
		return place{}, false
	}
	return place{fs, e}, true
}

type sizer struct {
	ctx   context.Context
	out   Sizes
	kinds map[place]int   // folders whose content is of one kind
	dirs  map[place]bool  // folders that are counted, against counting twice
	links map[fileOf]bool // files with several names that are counted
}

func (w *sizer) index(kind string) int {
	for i, k := range sizeKinds {
		if k == kind {
			return i
		}
	}
	panic("profile: no kind " + kind)
}

// folder adds up the folder at, whose content is of that kind unless it is
// known to be of another.
func (w *sizer) folder(at place, kind, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.dirs[at] || depth > maxSizeDepth {
		return nil
	}
	w.dirs[at] = true
	if k, ok := w.kinds[at]; ok {
		kind = k
	}
	children, err := at.fs.Children(at.entry)
	if err != nil {
		w.out.Unreadable++
	}
	for _, e := range children {
		info, err := at.fs.Info(e)
		switch {
		case err != nil:
			w.out.Unreadable++
			continue
		case winfs.IsNameSurrogate(info.Reparse):
			continue
		case info.IsDir():
			if err := w.folder(place{at.fs, e}, kind, depth+1); err != nil {
				return err
			}
			continue
		}
		if info.Links > 1 {
			id := fileOf{at.fs, info.File}
			if w.links[id] {
				continue
			}
			w.links[id] = true
		}
		of := kind
		if mailFile(at.fs.Name(e)) {
			of = w.index(SizeMail)
		}
		s := &w.out.Kinds[of]
		if info.NotLocal() {
			s.OnlineFiles++
			s.OnlineBytes += info.Size
			continue
		}
		s.Files++
		s.Bytes += info.Size
	}
	return nil
}
