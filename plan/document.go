package plan

import (
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Document is plan.json: the Windows, its users and the rules, without the
// names of people's files.
type Document struct {
	Format  int     `json:"format"` // 1
	Windows Windows `json:"windows"`
	// Volumes are those whose files were looked at.
	Volumes []VolumeDoc `json:"volumes"`
	Users   []UserDoc   `json:"users"`
	Rules   []RuleDoc   `json:"rules"`
	// Contexts are the evaluations of the rules: "System", IDs of users.
	Contexts []string `json:"contexts"`
	// RuleFiles are the files of the rules in their order, as RuleFiles has
	// them.
	RuleFiles []RuleFileDoc `json:"rule_files,omitempty"`
	Totals    []Total       `json:"totals"`
	// Losses is what will not survive of what is taken.
	Losses  []Loss `json:"will_not_survive"`
	Refused int    `json:"refused"`
	// Membership is the plan of who shall be in which local groups.
	Membership *Membership `json:"membership,omitempty"`
	// Hives tells how each registry file was opened that was read.
	Hives []offline.HiveState `json:"hives,omitempty"`
}

// VolumeDoc describes a volume and the state it was left in.
type VolumeDoc struct {
	Number int       `json:"number"`
	Name   string    `json:"name"` // "C:", "2:", the folder it is mounted in
	Label  wstr.Text `json:"label,omitempty"`
	Size   int64     `json:"size,omitempty"`
	Free   *int64    `json:"free,omitempty"`
	// Health is absent for folders of the host; Notes says what it means.
	Health *winfs.Health `json:"health,omitempty"`
	Notes  []string      `json:"notes,omitempty"`
	// BitLocker is how the volume was encrypted, nil when it was not.
	BitLocker *volumes.Encryption `json:"bitlocker,omitempty"`
}

// VolumeDocs describes the volumes of the plan, each once.
func (p *Plan) VolumeDocs() []VolumeDoc {
	out := []VolumeDoc{}
	for i := range p.Volumes {
		v := &p.Volumes[i]
		if slices.ContainsFunc(p.Volumes[:i], func(w Volume) bool { return w.Volume == v.Volume }) {
			continue
		}
		d := VolumeDoc{Number: v.Volume.Number, Name: v.Prefix, Label: wstr.Text(v.FS.Label()), Size: v.Volume.Size}
		if s, ok := v.FS.(winfs.Spacer); ok {
			if n, err := s.Free(); err == nil {
				d.Free = &n
			}
		}
		if c, ok := v.FS.(winfs.Checker); ok {
			h := c.Health()
			d.Health, d.Notes = &h, h.Notes()
		}
		if e := v.Volume.Encryption; e != nil {
			d.BitLocker, d.Notes = e, append(d.Notes, e.Notes()...)
		}
		out = append(out, d)
	}
	return out
}

// Windows describes the installation.
type Windows struct {
	Folder       wstr.Text `json:"folder"`
	Product      string    `json:"product"`
	Edition      string    `json:"edition,omitempty"`
	Version      string    `json:"version"`
	Build        int       `json:"build"`
	Revision     int       `json:"revision,omitempty"`
	Architecture string    `json:"architecture,omitempty"`
	ArchFrom     string    `json:"architecture_from,omitempty"`
	Computer     string    `json:"computer,omitempty"`
	// ControlSet is that in use, which is CurrentControlSet in the store.
	ControlSet string   `json:"control_set,omitempty"`
	Drives     []Drive  `json:"drives"`
	Mounts     []Mount  `json:"mounts,omitempty"`
	Missing    []string `json:"missing_volumes,omitempty"` // drives and folders whose volume is not among the sources
	Problems   []string `json:"problems,omitempty"`
}

// Drive is a drive letter of the installation.
type Drive struct {
	Letter string `json:"letter"`
	Volume int    `json:"volume"`
	How    string `json:"how"`
	// Base is the folder of the volume that is the root of the drive:
	// "Windows.old".
	Base wstr.Text `json:"base,omitempty"`
}

// Mount is a folder of the installation in which a volume is mounted.
type Mount struct {
	Folder wstr.Text `json:"folder"`
	Volume int       `json:"volume"`
	How    string    `json:"how"`
	// Base is the folder of the volume that is mounted, absent for its root.
	Base wstr.Text `json:"base,omitempty"`
}

// Mounts describes the folders in which s has volumes mounted.
func Mounts(s *offline.System) []Mount {
	var out []Mount
	for _, m := range s.Mounts {
		out = append(out, Mount{wstr.Text(m.Path), m.Volume.Number, m.How, wstr.Text(m.Base)})
	}
	return out
}

// Missing names the drives and the folders that are volumes to s which are
// not among the sources.
func Missing(s *offline.System) []string {
	var out []string
	for _, letter := range s.Missing {
		out = append(out, string(rune(letter))+":")
	}
	return append(out, s.MissingMounts...)
}

// UserDoc describes a user.
type UserDoc struct {
	ID        string    `json:"id"`
	SID       string    `json:"sid,omitempty"`
	Name      wstr.Text `json:"name"`
	NameFrom  string    `json:"name_from,omitempty"`
	Domain    wstr.Text `json:"domain,omitempty"`
	FullName  wstr.Text `json:"full_name,omitempty"`
	UPN       wstr.Text `json:"upn,omitempty"`
	Kind      string    `json:"kind"`
	Disabled  bool      `json:"disabled,omitempty"`
	Folder    wstr.Text `json:"folder,omitempty"`
	Found     bool      `json:"folder_found"`
	Key       string    `json:"profile_list_key,omitempty"`
	Backup    bool      `json:"backup,omitempty"`
	Temporary bool      `json:"temporary,omitempty"`
	LastUse   string    `json:"last_use,omitempty"`
	LastFrom  string    `json:"last_use_from,omitempty"`
	Settings  string    `json:"settings"` // "read", or why NTUSER.DAT cannot be
	Selected  bool      `json:"selected"`
	Problems  []string  `json:"problems,omitempty"`
}

// RuleDoc is a rule that Object.Rule counts, from 1 in a catalog.
type RuleDoc struct {
	File      string    `json:"file"`
	Line      int       `json:"line,omitempty"`
	Column    int       `json:"column,omitempty"`
	Component string    `json:"component,omitempty"`
	Pattern   wstr.Text `json:"pattern"`
	Filter    string    `json:"filter,omitempty"` // the call, as written
	Ini       bool      `json:"ini,omitempty"`    // pattern names settings of the file
	// Contexts are the indexes in Document.Contexts of those in which it was
	// evaluated: the context of an object's rule is one of them.
	Contexts []int16 `json:"contexts,omitempty"`
}

// Label is what the user of an ID is called towards people, as Plan.Label has
// it; the ID when the document does not have the user.
func (d *Document) Label(id string) string {
	label := func(u *UserDoc) string {
		switch {
		case u.NameFrom == "":
			return u.ID
		case u.Domain != "":
			return string(u.Domain + `\` + u.Name)
		}
		return string(u.Name)
	}
	i := slices.IndexFunc(d.Users, func(u UserDoc) bool { return u.ID == id })
	if i < 0 {
		return id
	}
	name := label(&d.Users[i])
	for k := range d.Users {
		if k != i && name != id && wstr.EqualFold(label(&d.Users[k]), name) {
			return name + " (" + id + ")"
		}
	}
	return name
}

// Document describes the plan for plan.json.
func (p *Plan) Document() Document {
	d := Document{Format: 1, Totals: p.Totals(), Losses: p.Losses(), Rules: []RuleDoc{}, Refused: len(p.Refused), Membership: p.Membership, Windows: p.windows(), Volumes: p.VolumeDocs(), Hives: p.System.HiveStates()}
	selected := map[*profile.User]bool{}
	for _, c := range p.Contexts {
		selected[c.User] = true
		d.Contexts = append(d.Contexts, c.Name)
	}
	for _, u := range p.Users {
		d.Users = append(d.Users, DescribeUser(u, selected[u]))
	}
	for _, f := range p.RuleFiles() {
		if f.Source != "" {
			d.RuleFiles = append(d.RuleFiles, RuleFileDoc{f.Name, f.Source})
		}
	}
	for i := range p.Rules.Rules() {
		r := p.Rules.Rule(int32(i))
		d.Rules = append(d.Rules, RuleDoc{r.Pos.File, r.Pos.Line, r.Pos.Col, r.Component, wstr.Text(r.Text), r.Filter, r.Ini, r.Contexts})
	}
	return d
}

func (p *Plan) windows() Windows {
	s := p.System
	w := Windows{
		Folder: wstr.Text(s.Dir), Product: s.Product, Edition: s.Edition, Version: s.Version, Build: s.Build,
		Revision: s.UBR, Architecture: s.Arch, ArchFrom: s.ArchFrom, Computer: s.ComputerName,
		ControlSet: p.controlSet(), Mounts: Mounts(s), Missing: Missing(s),
	}
	for _, d := range s.Drives {
		w.Drives = append(w.Drives, Drive{string(rune(d.Letter)) + ":", d.Volume.Number, d.How, wstr.Text(d.Base)})
	}
	for _, pr := range s.Problems {
		w.Problems = append(w.Problems, pr.String())
	}
	return w
}

// DescribeUser describes a user for people and programs.
func DescribeUser(u *profile.User, selected bool) UserDoc {
	d := UserDoc{
		ID: u.ID, SID: u.SID, Name: wstr.Text(u.Name), NameFrom: u.NameFrom, Domain: wstr.Text(u.Domain), FullName: wstr.Text(u.FullName),
		UPN: wstr.Text(u.UPN), Kind: u.Kind, Disabled: u.Disabled, Folder: wstr.Text(u.Dir), Found: u.DirFound, Key: u.KeyName,
		Backup: u.Backup, Temporary: u.Temporary, LastUse: u.LastUse.Time.String(), LastFrom: u.LastUse.From, Selected: selected,
		Settings: "read",
	}
	if u.HiveError != nil {
		d.Settings = u.HiveError.Error()
	}
	for _, pr := range u.Problems {
		d.Problems = append(d.Problems, UserProblem(u, pr))
	}
	return d
}

// UserProblem tells a problem of u, without the profile folder when that is
// all it names: whoever is told knows whose problem it is.
func UserProblem(u *profile.User, p profile.Problem) string {
	if p.Where == u.Dir {
		return p.What
	}
	return p.String()
}
