package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/inventory"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
	"github.com/coldstate/coldstate/winold"
)

type inspectCmd struct {
	sourceFlags
	All    bool     `help:"Everything: services, SIDs, folders, and all messages in full." aliases:"verbose"`
	JSON   bool     `help:"Print JSON, with the inventory that a rebuild needs (docs/inspect-json.md)." name:"json"`
	Source []string `arg:"" optional:"" help:"Disk images, devices or folders; without one all local disks."`
}

func (inspectCmd) Help() string {
	return `Example:
  coldstate inspect
  coldstate inspect disk.img --all
  coldstate inspect disk.img --json`
}

// inspection is what inspect --json prints, described in docs/inspect-json.md.
type inspection struct {
	Format  int          `json:"format"`
	Sources []sourceDoc  `json:"sources"`
	Windows []windowsDoc `json:"windows"`
	// Old are the older installations: Windows.old and the like. One that is
	// chosen, or alone, is among Windows as well.
	Old []winold.Summary `json:"old,omitempty"`
	// Problems are folders that look like a Windows and cannot be loaded, and
	// volumes that cannot be read.
	Problems []string `json:"problems,omitempty"`
}

type sourceDoc struct {
	Path     wstr.Text   `json:"path"`
	Kind     string      `json:"kind"`
	Size     int64       `json:"size,omitempty"`
	Table    string      `json:"partition_table,omitempty"`
	Sector   int         `json:"sector_size,omitempty"`
	Dynamic  string      `json:"dynamic_disk,omitempty"`
	MapFile  wstr.Text   `json:"map_file,omitempty"`
	Unread   int64       `json:"never_read_bytes,omitempty"`
	Volumes  []volumeDoc `json:"volumes"`
	Notes    []string    `json:"notes,omitempty"`
	Problems []string    `json:"problems,omitempty"`
}

type volumeDoc struct {
	Number    int    `json:"number"`
	Offset    int64  `json:"offset"`
	Size      int64  `json:"size"`
	Free      *int64 `json:"free,omitempty"`
	Kind      string `json:"kind"`
	Partition string `json:"partition,omitempty"`
	// Image is the number of an image in a WIM file; Size is that of its files.
	Image int `json:"image,omitempty"`
	// Dynamic is how a volume of dynamic disks lies on them.
	Dynamic *dynamicDoc `json:"dynamic,omitempty"`
	Label   wstr.Text   `json:"label,omitempty"`
	Letter  string      `json:"letter,omitempty"`
	Entries int         `json:"entries,omitempty"`
	Locked  bool        `json:"locked,omitempty"`
	// BitLocker is how a volume is encrypted, locked or not.
	BitLocker *volumes.Encryption `json:"bitlocker,omitempty"`
	Unread    string              `json:"unreadable,omitempty"`
	// Damage is the number of damaged places, Problems are the first of them.
	Damage   int      `json:"damaged,omitempty"`
	Problems []string `json:"problems,omitempty"`
	// Health is the state the volume was left in, null when it is not known;
	// Notes says what it means for a capture.
	Health *winfs.Health `json:"health,omitempty"`
	Notes  []string      `json:"notes,omitempty"`
}

type dynamicDoc struct {
	Name   string     `json:"name"`
	Group  string     `json:"group"`
	Layout string     `json:"layout"`
	Pieces []pieceDoc `json:"pieces"`
	text   string
}

// pieceDoc is a piece of a dynamic disk.
type pieceDoc struct {
	Disk   string     `json:"disk"`
	GUID   string     `json:"guid"`
	Source *wstr.Text `json:"source"` // null when the disk is not given
	Offset int64      `json:"offset"`
	Size   int64      `json:"size"`
}

func describeDynamic(d *volumes.Dynamic) *dynamicDoc {
	doc := &dynamicDoc{Name: d.Name, Group: d.Group, Layout: d.Layout, Pieces: []pieceDoc{}, text: d.String()}
	for _, e := range d.Extents {
		p := pieceDoc{Disk: e.Disk, GUID: e.GUID, Offset: e.Offset, Size: e.Size}
		if e.Source != nil {
			path := wstr.Text(e.Source.Path)
			p.Source = &path
		}
		doc.Pieces = append(doc.Pieces, p)
	}
	return doc
}

type windowsDoc struct {
	Name         wstr.Text           `json:"name"`
	Volume       int                 `json:"volume"`
	Product      string              `json:"product"`
	Edition      string              `json:"edition,omitempty"`
	Type         string              `json:"installation_type,omitempty"`
	Version      string              `json:"version"`
	Display      string              `json:"display_version,omitempty"`
	Build        int                 `json:"build"`
	Revision     int                 `json:"revision,omitempty"`
	ServicePack  string              `json:"service_pack,omitempty"`
	Architecture string              `json:"architecture,omitempty"`
	ArchFrom     string              `json:"architecture_from,omitempty"`
	Computer     string              `json:"computer,omitempty"`
	Installed    string              `json:"installed,omitempty"`
	ControlSet   int                 `json:"control_set"`
	Drives       []plan.Drive        `json:"drives"`
	Missing      []string            `json:"missing_drives,omitempty"`
	Mounts       []mountDoc          `json:"mounted_folders,omitempty"`
	Hives        []offline.HiveState `json:"hives"`
	MachineSID   string              `json:"machine_sid,omitempty"`
	Users        []inspectedDoc      `json:"users"`
	Accounts     []accountDoc        `json:"accounts"`
	Groups       []profile.Group     `json:"groups"`
	// Inventory is what a rebuild needs.
	Inventory *inventory.Inventory `json:"inventory"`
	Problems  []string             `json:"problems,omitempty"`
}

// mountDoc is a folder in which a volume is mounted.
type mountDoc struct {
	Folder wstr.Text `json:"folder"`
	Volume int       `json:"volume,omitempty"` // 0 when it is not on the sources
	// Base is the folder of the volume that is mounted, absent for its root.
	Base wstr.Text `json:"base,omitempty"`
}

type inspectedDoc struct {
	plan.UserDoc
	// Size is Sizes.Total.Bytes.
	Size       int64                `json:"size"`
	Sizes      *profile.Sizes       `json:"sizes,omitempty"`
	Groups     []groupDoc           `json:"groups,omitempty"`
	Roaming    wstr.Text            `json:"roaming,omitempty"`
	Real       string               `json:"real_profile,omitempty"`
	Others     []string             `json:"other_profiles,omitempty"`
	RepeatOf   string               `json:"repeat_of,omitempty"`
	Folders    []offline.Folder     `json:"folders,omitempty"`
	Redirected []profile.Redirected `json:"redirected,omitempty"`
	Uses       []useDoc             `json:"uses,omitempty"`
	Cases      []profile.Case       `json:"cases,omitempty"`
}

// useDoc is a sign of use.
type useDoc struct {
	Time string `json:"time"`
	From string `json:"from"`
}

// groupDoc names a local group that an account is a member of.
type groupDoc struct {
	SID  string    `json:"sid"`
	Name wstr.Text `json:"name"`
}

// accountDoc is a local account, with or without a profile.
type accountDoc struct {
	SID       string     `json:"sid,omitempty"`
	RID       uint32     `json:"rid"`
	Name      wstr.Text  `json:"name"`
	FullName  wstr.Text  `json:"full_name,omitempty"`
	Email     wstr.Text  `json:"microsoft_account,omitempty"`
	Disabled  bool       `json:"disabled,omitempty"`
	LastLogon string     `json:"last_logon,omitempty"`
	Profile   bool       `json:"profile"`
	Groups    []groupDoc `json:"groups,omitempty"`
}

func (c *inspectCmd) Run(a *app) error {
	paths, opt := c.Source, volumes.Options{}
	if len(paths) == 0 && c.Offline == "" {
		// One disk that cannot be read must not hide the others.
		opt.KeepGoing = true
		local, err := volumes.LocalDisks()
		if err != nil {
			return err
		}
		if len(local) == 0 {
			return fail(statusDecision, errors.New("no local disk was found"), "name a disk image, a device or a folder")
		}
		paths = local
	}
	if err := a.unlockOptions(&c.unlockFlags, &opt, false); err != nil {
		return err
	}
	src, err := a.openSourceWith(paths, c.sourceFlags, opt)
	if err != nil {
		return err
	}
	defer src.Close()
	in, err := inspect(a.ctx, src)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", " ")
		e.SetEscapeHTML(false)
		err = e.Encode(in)
	} else {
		err = in.print(a.stdout, c.All)
	}
	if err != nil {
		return err
	}
	if err := src.wrongKeys(); err != nil {
		return err
	}
	if len(in.Windows) == 0 {
		return fail(statusDecision, errors.New("no Windows was found on the sources"), cmp.Or(src.lockedHint(), src.cutHint(), "ls shows what is on a volume: coldstate ls SOURCE '1:\\'"))
	}
	return nil
}

// inspect describes what is on the sources.
func inspect(ctx context.Context, src *source) (*inspection, error) {
	in := &inspection{Format: 1, Sources: []sourceDoc{}, Windows: []windowsDoc{}}
	for _, p := range src.problems {
		in.Problems = append(in.Problems, p.String())
	}
	for _, s := range src.set.Sources {
		d := sourceDoc{Path: wstr.Text(s.Path), Kind: s.Kind, Size: s.Size, MapFile: wstr.Text(s.Map), Unread: s.Unread, Notes: s.Notes, Problems: s.Problems, Volumes: []volumeDoc{}}
		if s.Err != nil {
			d.Problems = append(d.Problems, s.Err.Error())
		}
		if s.Table != nil {
			d.Table, d.Sector = s.Table.Scheme, s.Table.SectorSize
		}
		if s.Dynamic != nil {
			d.Dynamic = s.Dynamic.String()
		}
		for _, v := range s.Volumes {
			d.Volumes = append(d.Volumes, describeVolume(src, v))
		}
		in.Sources = append(in.Sources, d)
	}
	in.Old = src.describeOlds()
	for _, sys := range src.systems {
		w, err := describeWindows(ctx, sys, src.oldOf(sys))
		if err != nil {
			return nil, err
		}
		in.Windows = append(in.Windows, w)
	}
	return in, nil
}

func describeVolume(src *source, v *volumes.Volume) volumeDoc {
	d := volumeDoc{Number: v.Number, Offset: v.Offset, Size: v.Size, Kind: v.Kind}
	if v.Partition != nil {
		d.Partition = v.Partition.Type
	}
	if v.Dynamic != nil {
		d.Dynamic = describeDynamic(v.Dynamic)
	}
	if v.Image != nil {
		d.Image, d.Size = v.Image.Number, v.Image.Bytes
	}
	d.Letter = letterOf(src.systems, v)
	fs, err := v.FS()
	d.Kind, d.BitLocker = v.Kind, v.Encryption // they are those of an open volume
	if err != nil {
		d.Locked = errors.Is(err, volumes.ErrLocked)
		d.Unread = err.Error()
		// The line above it says which volume it is.
		var ve *volumes.VolumeError
		if errors.As(err, &ve) {
			d.Unread = ve.Err.Error()
			if ve.Hint != "" {
				d.Unread += "; " + ve.Hint
			}
		}
		return d
	}
	d.Label, d.Entries = wstr.Text(fs.Label()), fs.Len()
	if s, ok := fs.(winfs.Spacer); ok {
		if n, err := s.Free(); err == nil {
			d.Free = &n
		}
	}
	if c, ok := fs.(winfs.Checker); ok {
		h := c.Health()
		d.Health, d.Notes = &h, h.Notes()
	}
	if v.Encryption != nil {
		d.Notes = append(d.Notes, v.Encryption.Notes()...)
	}
	list := fs.Problems()
	d.Damage = len(list)
	for i, p := range list {
		if i == 20 {
			d.Problems = append(d.Problems, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		d.Problems = append(d.Problems, p.String())
	}
	return d
}

// describeWindows describes an installation; old is what it is the System of,
// nil for one that is in the place it was installed to.
// letterOf is the letter of v when all that have one for it have the same.
func letterOf(systems []*offline.System, v *volumes.Volume) string {
	letter := ""
	for _, sys := range systems {
		p := sys.VolumePrefix(v)
		switch {
		case len(p) != 2 || p[0] < 'A':
		case letter != "" && p != letter:
			return ""
		default:
			letter = p
		}
	}
	return letter
}

func describeWindows(ctx context.Context, sys *offline.System, old *winold.Old) (windowsDoc, error) {
	users, problems, err := profile.Users(sys)
	if err != nil {
		problems = append(problems, offline.Problem{What: err.Error()})
	}
	if old != nil {
		old.Judge(users)
	}
	// What cannot be read of the SAM is among the problems of the users.
	sam, _ := profile.Accounts(sys)
	w := windowsDoc{
		Name: wstr.Text(sys.Name), Volume: sys.Volume.Number, Product: sys.Product, Edition: sys.Edition, Type: sys.InstallationType, Version: sys.Version,
		Display: sys.Display, Build: sys.Build, Revision: sys.UBR, ServicePack: sys.ServicePack, Architecture: sys.Arch, ArchFrom: sys.ArchFrom,
		Computer: sys.ComputerName, ControlSet: sys.ControlSet,
		Drives: []plan.Drive{}, Users: []inspectedDoc{}, Accounts: []accountDoc{}, Groups: []profile.Group{},
	}
	if !sys.InstallDate.IsZero() {
		w.Installed = sys.InstallDate.UTC().Format("2006-01-02")
	}
	for _, d := range sys.Drives {
		w.Drives = append(w.Drives, plan.Drive{Letter: string(rune(d.Letter)) + ":", Volume: d.Volume.Number, How: d.How, Base: wstr.Text(d.Base)})
	}
	for _, l := range sys.Missing {
		w.Missing = append(w.Missing, string(rune(l))+":")
	}
	for _, m := range sys.Mounts {
		w.Mounts = append(w.Mounts, mountDoc{wstr.Text(m.Path), m.Volume.Number, wstr.Text(m.Base)})
	}
	for _, m := range sys.MissingMounts {
		w.Mounts = append(w.Mounts, mountDoc{Folder: wstr.Text(m)})
	}
	w.Inventory = inventory.Read(sys, users)
	profiles := map[string]bool{}
	for _, u := range users {
		d, err := describeUser(ctx, sys, u, sam)
		if err != nil {
			return w, err
		}
		w.Users = append(w.Users, d)
		profiles[u.SID] = true
		u.Release()
	}
	if sam != nil {
		w.MachineSID = sam.Machine
		for _, acc := range sam.Accounts {
			w.Accounts = append(w.Accounts, accountDoc{
				SID: acc.SID, RID: acc.RID, Name: wstr.Text(acc.Name), FullName: wstr.Text(acc.FullName), Email: wstr.Text(acc.Internet),
				Disabled: acc.Disabled, LastLogon: acc.LastLogon.String(), Profile: acc.SID != "" && profiles[acc.SID], Groups: groupsOf(sam, acc.SID),
			})
		}
		w.Groups = append(w.Groups, sam.Groups...)
	}
	// Whatever was opened for the answers above is told.
	w.Hives = sys.HiveStates()
	for _, p := range append(sys.Problems[:len(sys.Problems):len(sys.Problems)], problems...) {
		w.Problems = append(w.Problems, p.String())
	}
	return w, nil
}

func describeUser(ctx context.Context, sys *offline.System, u *profile.User, sam *profile.SAM) (inspectedDoc, error) {
	d := inspectedDoc{
		UserDoc: plan.DescribeUser(u, u.Person()), Groups: groupsOf(sam, u.SID), Roaming: wstr.Text(u.Roaming),
		Real: u.RealID, Others: u.OtherIDs, RepeatOf: u.RepeatOf, Redirected: u.Redirected, Cases: u.Cases,
	}
	for _, use := range u.Uses {
		d.Uses = append(d.Uses, useDoc{use.Time.String(), use.From})
	}
	for _, name := range slices.Sorted(maps.Keys(u.Folders)) {
		d.Folders = append(d.Folders, u.Folders[name])
	}
	if !u.Person() || !u.DirFound {
		return d, nil
	}
	var err error
	if d.Sizes, err = u.Sizes(ctx); err == nil {
		d.Size = d.Sizes.Total.Bytes
	}
	return d, err
}

// groupsOf names the local groups that sid is a member of.
func groupsOf(sam *profile.SAM, sid string) []groupDoc {
	var out []groupDoc
	for _, g := range sam.GroupsOf(sid) {
		out = append(out, groupDoc{g.SID, wstr.Text(g.Name)})
	}
	return out
}
