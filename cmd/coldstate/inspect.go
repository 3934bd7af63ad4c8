package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
	"github.com/coldstate/coldstate/winold"
)

type inspectCmd struct {
	sourceFlags
	JSON   bool     `help:"Print JSON." name:"json"`
	Source []string `arg:"" optional:"" help:"Disk images, devices or folders; without one all local disks."`
}

func (inspectCmd) Help() string {
	return `Example:
  coldstate inspect
  coldstate inspect disk.img --json`
}

// inspection is what inspect --json prints.
type inspection struct {
	Sources []sourceDoc  `json:"sources"`
	Windows []windowsDoc `json:"windows"`
	// Old are the older installations: Windows.old and the like. One that is
	// chosen, or alone, is among Windows as well.
	Old []winold.Summary `json:"old,omitempty"`
	// Problems are folders that look like a Windows and cannot be loaded.
	Problems []string `json:"problems,omitempty"`
}

type sourceDoc struct {
	Path     wstr.Text   `json:"path"`
	Kind     string      `json:"kind"`
	Size     int64       `json:"size,omitempty"`
	Table    string      `json:"partition_table,omitempty"`
	Sector   int         `json:"sector_size,omitempty"`
	Volumes  []volumeDoc `json:"volumes"`
	Problems []string    `json:"problems,omitempty"`
}

type volumeDoc struct {
	Number    int       `json:"number"`
	Offset    int64     `json:"offset"`
	Size      int64     `json:"size"`
	Kind      string    `json:"kind"`
	Partition string    `json:"partition,omitempty"`
	Label     wstr.Text `json:"label,omitempty"`
	Letter    string    `json:"letter,omitempty"`
	Entries   int       `json:"entries,omitempty"`
	Unread    string    `json:"unreadable,omitempty"`
	Problems  []string  `json:"problems,omitempty"`
}

type windowsDoc struct {
	Name         wstr.Text      `json:"name"`
	Product      string         `json:"product"`
	Edition      string         `json:"edition,omitempty"`
	Version      string         `json:"version"`
	Display      string         `json:"display_version,omitempty"`
	Build        int            `json:"build"`
	Revision     int            `json:"revision,omitempty"`
	ServicePack  string         `json:"service_pack,omitempty"`
	Architecture string         `json:"architecture,omitempty"`
	Computer     string         `json:"computer,omitempty"`
	Installed    string         `json:"installed,omitempty"`
	ControlSet   int            `json:"control_set"`
	Drives       []plan.Drive   `json:"drives"`
	Users        []inspectedDoc `json:"users"`
	Problems     []string       `json:"problems,omitempty"`
}

type inspectedDoc struct {
	plan.UserDoc
	Size int64 `json:"size"`
}

func (c *inspectCmd) Run(a *app) error {
	paths, opt := c.Source, volumes.Options{}
	if len(paths) == 0 {
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
	src, err := a.openSourceWith(paths, c.sourceFlags, opt)
	if err != nil {
		return err
	}
	defer src.Close()
	in, err := inspect(src)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", " ")
		err = e.Encode(in)
	} else {
		err = in.print(a.stdout)
	}
	if err != nil {
		return err
	}
	if len(in.Windows) == 0 {
		return fail(statusDecision, errors.New("no Windows was found on the sources"), "ls shows what is on a volume: coldstate ls SOURCE '1:\\'")
	}
	return nil
}

func inspect(src *source) (*inspection, error) {
	in := &inspection{Sources: []sourceDoc{}, Windows: []windowsDoc{}}
	for _, p := range src.problems {
		in.Problems = append(in.Problems, p.String())
	}
	for _, s := range src.set.Sources {
		d := sourceDoc{Path: wstr.Text(s.Path), Kind: s.Kind, Size: s.Size, Problems: s.Problems, Volumes: []volumeDoc{}}
		if s.Err != nil {
			d.Problems = append(d.Problems, s.Err.Error())
		}
		if s.Table != nil {
			d.Table, d.Sector = s.Table.Scheme, s.Table.SectorSize
		}
		for _, v := range s.Volumes {
			d.Volumes = append(d.Volumes, describeVolume(src, v))
		}
		in.Sources = append(in.Sources, d)
	}
	var err error
	if in.Old, err = src.describeOlds(); err != nil {
		return nil, err
	}
	for _, sys := range src.systems {
		users, problems, err := profile.Users(sys)
		if err != nil {
			return nil, err
		}
		w := windowsDoc{
			Name: wstr.Text(sys.Name), Product: sys.Product, Edition: sys.Edition, Version: sys.Version, Display: sys.Display, Build: sys.Build, Revision: sys.UBR,
			ServicePack: sys.ServicePack, Architecture: sys.Arch, Computer: sys.ComputerName, ControlSet: sys.ControlSet, Drives: []plan.Drive{}, Users: []inspectedDoc{},
		}
		if !sys.InstallDate.IsZero() {
			w.Installed = sys.InstallDate.UTC().Format("2006-01-02")
		}
		for _, d := range sys.Drives {
			w.Drives = append(w.Drives, plan.Drive{Letter: string(rune(d.Letter)) + ":", Volume: d.Volume.Number, How: d.How})
		}
		for _, p := range append(sys.Problems[:len(sys.Problems):len(sys.Problems)], problems...) {
			w.Problems = append(w.Problems, p.String())
		}
		for _, u := range users {
			d := inspectedDoc{UserDoc: plan.DescribeUser(u, u.Person())}
			if u.Person() && u.DirFound {
				d.Size = folderBytes(sys, u.Dir)
			}
			w.Users = append(w.Users, d)
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
	if len(src.systems) == 1 {
		if p := src.systems[0].VolumePrefix(v); len(p) == 2 && p[0] >= 'A' {
			d.Letter = p
		}
	}
	fs, err := v.FS()
	if err != nil {
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
	for i, p := range fs.Problems() {
		if i == 20 {
			d.Problems = append(d.Problems, fmt.Sprintf("and %d more", len(fs.Problems())-i))
			break
		}
		d.Problems = append(d.Problems, p.String())
	}
	return d
}

// folderBytes adds up the files of a folder.
func folderBytes(sys *offline.System, dir string) int64 {
	v, e, err := sys.Resolve(dir)
	if err != nil {
		return 0
	}
	fs, err := v.FS()
	if err != nil {
		return 0
	}
	var total int64
	stack := []winfs.Entry{e}
	for len(stack) > 0 && len(stack) < 1<<24 {
		e := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		children, err := fs.Children(e)
		if err != nil {
			continue
		}
		for _, c := range children {
			info, err := fs.Info(c)
			switch {
			case err != nil || winfs.IsNameSurrogate(info.Reparse):
			case info.IsDir():
				stack = append(stack, c)
			default:
				total += info.Size
			}
		}
	}
	return total
}

func (in *inspection) print(out io.Writer) error {
	w := bufio.NewWriter(out)
	for _, s := range in.Sources {
		fmt.Fprintf(w, "%s: %s", printable(string(s.Path)), s.Kind)
		if s.Size > 0 {
			fmt.Fprintf(w, ", %s", size(s.Size))
		}
		if s.Table != "" {
			fmt.Fprintf(w, ", %s, sectors of %d bytes", strings.ToUpper(s.Table), s.Sector)
		}
		fmt.Fprintln(w)
		for _, v := range s.Volumes {
			letter := v.Letter
			if letter == "" {
				letter = "  "
			}
			fmt.Fprintf(w, "  volume %d %s %-10s", v.Number, letter, v.Kind)
			if v.Size > 0 {
				fmt.Fprintf(w, " %9s at %d", size(v.Size), v.Offset)
			}
			if v.Partition != "" {
				fmt.Fprintf(w, ", %s", printable(v.Partition))
			}
			if v.Label != "" {
				fmt.Fprintf(w, ", %q", printable(string(v.Label)))
			}
			fmt.Fprintln(w)
			if v.Unread != "" {
				fmt.Fprintf(w, "    %s\n", printable(v.Unread))
			}
			for _, p := range v.Problems {
				fmt.Fprintf(w, "    damage: %s\n", printable(p))
			}
		}
		for _, p := range s.Problems {
			fmt.Fprintf(w, "  damage: %s\n", printable(p))
		}
	}
	for _, p := range in.Problems {
		fmt.Fprintf(w, "problem: %s\n", printable(p))
	}
	for _, s := range in.Windows {
		fmt.Fprintf(w, "\n%s: %s", printable(string(s.Name)), printable(s.Product))
		if s.Display != "" {
			fmt.Fprintf(w, " %s", printable(s.Display))
		}
		fmt.Fprintf(w, ", build %d", s.Build)
		if s.Revision > 0 {
			fmt.Fprintf(w, ".%d", s.Revision)
		}
		if s.ServicePack != "" {
			fmt.Fprintf(w, ", %s", printable(s.ServicePack))
		}
		fmt.Fprintf(w, ", %s, computer %s", printable(s.Architecture), printable(s.Computer))
		if s.Installed != "" {
			fmt.Fprintf(w, ", installed %s", s.Installed)
		}
		fmt.Fprintln(w)
		for _, d := range s.Drives {
			fmt.Fprintf(w, "  %s is volume %d (%s)\n", d.Letter, d.Volume, d.How)
		}
		for _, p := range s.Problems {
			fmt.Fprintf(w, "  problem: %s\n", printable(p))
		}
		fmt.Fprintf(w, "  %-24s %-10s %-11s %-10s %s\n", "USER", "KIND", "SIZE", "LAST USE", "FOLDER")
		for _, u := range s.Users {
			if u.Kind == profile.Service {
				continue
			}
			name := string(u.Name)
			if u.Domain != "" && u.NameFrom != "" {
				name = string(u.Domain) + `\` + name
			}
			last := u.LastUse
			if len(last) > 10 {
				last = last[:10]
			}
			if last == "" {
				last = "-"
			}
			fmt.Fprintf(w, "  %-24s %-10s %-11s %-10s %s\n", printable(name), u.Kind, size(u.Size), last, printable(string(u.Folder)))
			if string(u.Name) != u.SID && u.SID != "" {
				fmt.Fprintf(w, "    %s\n", printable(u.SID))
			}
			for _, p := range u.Problems {
				fmt.Fprintf(w, "    %s\n", printable(p))
			}
		}
	}
	for _, o := range in.Old {
		fmt.Fprintln(w)
		for i, line := range o.Lines() {
			if i > 0 {
				fmt.Fprint(w, "  ")
			}
			fmt.Fprintln(w, printable(line))
		}
		for _, u := range o.Users {
			fmt.Fprintf(w, "  %-24s %-10s %s\n", printable(string(u.Name)), u.State, printable(string(u.Dir)))
		}
		if o.Windows != "" {
			fmt.Fprintf(w, "  to capture it: --windows '%s'\n", printable(string(o.Folder)))
		}
	}
	return w.Flush()
}
