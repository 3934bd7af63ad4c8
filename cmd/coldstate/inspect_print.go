package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/inventory"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/bitlocker"
	"github.com/coldstate/coldstate/volumes/partition"
	"github.com/coldstate/coldstate/winold"
)

// What the screen of inspect keeps to:
//
//   - Without --all no line is longer than screenWidth, and a normal machine
//     (a disk of four partitions, a Windows with three people, a Windows.old)
//     is told in fewer than 25 lines. What is cut shows "…".
//   - What begins with "!" is something to know before the disk is wiped or
//     started again. What there is to know of the volumes is said in full below
//     the rows of a source, once for all volumes that it is true of. At most
//     maxNotes of two lines stand below a Windows; the last says how many more
//     there are. What is wrong with a user is a remark of a few words. --all and
//     --json have all of it in full.
//   - There are no control codes, so that a file has the same text.

// maxNotes is how many notes stand in one place. Those of volumes, which are
// all shown, have at most maxNoteLines: only names from the disk make them so
// long.
const (
	maxNotes     = 4
	maxNoteLines = 5
)

// screen prints an inspection.
type screen struct {
	w   *bufio.Writer
	all bool
}

// print writes the inspection for people; with all everything in it but the
// inventory.
func (in *inspection) print(out io.Writer, all bool) error {
	s := &screen{bufio.NewWriter(out), all}
	for i, src := range in.Sources {
		s.source(src, i == 0)
	}
	s.notes("", slices.DeleteFunc(slices.Clone(in.Problems), func(p string) bool { return !all && in.tells(p) }))
	for i := range in.Windows {
		s.w.WriteByte('\n')
		s.windows(in, &in.Windows[i])
	}
	if len(in.Old) > 0 {
		s.w.WriteByte('\n')
	}
	for i := range in.Old {
		s.old(in, i)
	}
	return s.w.Flush()
}

// line prints a line that is cut to the width of the screen, unless everything
// is asked for.
func (s *screen) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.all {
		text = printable(text)
	} else {
		text = clip(text, screenWidth)
	}
	fmt.Fprintln(s.w, strings.TrimRight(text, " "))
}

// name makes a name or a path fit into n columns, unless everything is asked
// for.
func (s *screen) name(text wstr.Text, n int) string {
	if s.all {
		return string(text)
	}
	return squeeze(string(text), n)
}

// notes prints what begins with "!".
func (s *screen) notes(indent string, list []string) {
	for i, text := range list {
		if s.all {
			s.line("%s! %s", indent, text)
			continue
		}
		if i == maxNotes-1 && len(list) > maxNotes {
			s.line("%s! %d more: inspect --all shows them in full", indent, len(list)-i)
			return
		}
		s.note(indent, text, 2)
	}
}

// note prints one note in at most n lines.
func (s *screen) note(indent, text string, n int) {
	mark := "! "
	for _, line := range wrap(text, screenWidth-len(indent)-2, n) {
		s.line("%s%s%s", indent, mark, line)
		mark = "  "
	}
}

func (s *screen) source(src sourceDoc, first bool) {
	about := src.Kind
	if about == "" {
		about = "cannot be opened"
	}
	if src.Size > 0 {
		about += ", " + short(src.Size)
	}
	if src.Table != "" {
		about += ", " + strings.ToUpper(src.Table)
		if s.all || src.Sector != 512 {
			about += fmt.Sprintf(", sectors of %d bytes", src.Sector)
		}
	}
	if src.Dynamic != "" {
		about += ", dynamic disk"
	}
	s.line("%s  %s", s.name(src.Path, screenWidth-2-len(about)), about)
	if first && len(src.Volumes) > 0 {
		s.line(" VOL     %s %s  %s  %s  STATE", left("KIND", 10), right("SIZE", 8), right("FREE", 8), left("NAME", 20))
	}
	if s.all && src.Dynamic != "" {
		s.line("  %s", src.Dynamic)
	}
	for _, v := range src.Volumes {
		s.volume(v)
	}
	if !s.all {
		s.healths(src.Volumes)
	}
	s.notes("  ", src.Notes)
	s.notes("  ", src.Problems)
}

// volume prints a row: number, letter, kind, size, free, name, health.
func (s *screen) volume(v volumeDoc) {
	sized, free := "", ""
	if v.Size > 0 {
		sized = short(v.Size)
	}
	if v.Free != nil {
		free = short(*v.Free)
	}
	kind := v.Kind
	switch kind {
	case v.Partition, volumes.Unknown:
		kind = "-"
	case "dynamic disk":
		kind = "dynamic"
	}
	label := s.name(v.Label, 20)
	if v.starts() {
		label = "" // the name says less
	}
	// Types of an MBR say no more than the kind.
	if label == "" && v.Partition != "basic data" && (v.Unread != "" || v.starts() || !strings.HasPrefix(v.Partition, "0x")) {
		label = s.name(wstr.Text(v.Partition), 20)
	}
	if label == "" && v.Dynamic != nil {
		label = s.name(wstr.Text(v.Dynamic.Layout+" "+v.Dynamic.Name), 20)
	}
	row := fmt.Sprintf("%4d  %s %s %s  %s  %s  %s", v.Number, left(v.Letter, 2), left(squeeze(kind, 10), 10), right(sized, 8), right(free, 8), left(label, 20), v.health())
	s.line("%s", row)
	if s.all {
		switch {
		case v.Image > 0:
			s.line("        image %d of the file, with %d bytes in its files", v.Image, v.Size)
		case v.Size > 0:
			s.line("        at %d, %d bytes%s%s", v.Offset, v.Size, prefixed(", ", v.Partition), prefixed(", ", v.Dynamic.String()))
		}
		if v.Unread != "" {
			s.line("        %s", v.Unread)
		} else if e := v.BitLocker; e != nil {
			s.line("        BitLocker: %s", describeEncryption(e))
		}
		for _, p := range v.Problems {
			s.line("        damage: %s", p)
		}
	}
	if s.all {
		s.notes("        ", v.notes())
	}
}

// opensWith names in a line what opens a locked volume: of an id the digits
// that Windows shows as well.
func opensWith(list []bitlocker.Protector) string {
	var names []string
	for _, p := range list {
		name := p.Kind
		switch p.Kind {
		case bitlocker.RecoveryPassword, bitlocker.ExternalKey:
			name += " " + p.ID[:8]
		}
		names = append(names, name)
	}
	if names == nil {
		return "its metadata names nothing that opens it"
	}
	return "it opens with: " + strings.Join(names, ", ")
}

// describeEncryption tells in a line how an open volume is encrypted.
func describeEncryption(e *volumes.Encryption) string {
	s := e.State
	if e.Encrypted > 0 {
		s += fmt.Sprintf(" after %d bytes", e.Encrypted)
	}
	if e.Target != "" {
		s += ", to be " + e.Target
	}
	if e.UsedSpaceOnly {
		s += ", used space only"
	}
	s += prefixed(", ", e.Method)
	if e.Opened != nil {
		s += ", opened by " + e.Opened.Kind + " " + e.Opened.ID
	}
	return s
}

// place is a volume, or a folder of it.
func (s *screen) place(volume int, base wstr.Text) string {
	if base == "" {
		return fmt.Sprintf("volume %d", volume)
	}
	return s.name(wstr.Text(fmt.Sprintf(`%d:\%s`, volume, base)), 40)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// String says how a volume lies on dynamic disks, "" for others.
func (d *dynamicDoc) String() string {
	if d == nil {
		return ""
	}
	return d.text
}

// lacks says whether a disk is not given.
func (d *dynamicDoc) lacks() bool {
	return d != nil && slices.ContainsFunc(d.Pieces, func(p pieceDoc) bool { return p.Source == nil })
}

// starts says whether the volume is one that a machine starts from, and holds
// nothing of people.
func (v *volumeDoc) starts() bool {
	return v.Partition == "EFI system" || v.Partition == "Microsoft reserved" || v.Partition == partition.TypeLDMMetadata
}

// health says in a few words how the volume is.
func (v *volumeDoc) health() string {
	switch {
	case v.Locked:
		return "BitLocker, locked"
	case v.Unread != "" && v.starts():
		return ""
	case v.Unread != "" && v.Dynamic.lacks():
		return "lacks a disk"
	case v.Unread != "" && v.Kind != volumes.NTFS && v.Kind != volumes.FAT && v.Kind != volumes.WIMImage:
		return "not readable here"
	case v.Unread != "":
		return "cannot be read"
	}
	var words []string
	if v.Health != nil && v.Health.Words() != "" {
		words = append(words, v.Health.Words())
	}
	if e := v.BitLocker; e != nil && e.Words() != "" {
		words = append(words, e.Words())
	} else if e != nil && e.State != bitlocker.Decrypted {
		words = append(words, "BitLocker, open")
	}
	if words != nil {
		return strings.Join(words, ", ")
	}
	switch {
	case v.Damage > 0:
		return count(v.Damage, "damaged place")
	case v.starts():
		return ""
	}
	return "no damage seen"
}

func (s *screen) windows(in *inspection, w *windowsDoc) {
	title := w.Product
	for _, more := range []string{w.Display, w.ServicePack} {
		title += prefixed(" ", more)
	}
	title += fmt.Sprintf(", build %d", w.Build)
	if w.Revision > 0 {
		title += fmt.Sprintf(".%d", w.Revision)
	}
	title += prefixed(", ", w.Architecture)
	installed := prefixed("installed ", w.Installed)
	s.line("%s", s.fill(s.name(w.Name, 30)+"  "+title, installed))
	s.line("  %s", s.facts(w))
	var places []string
	for i, d := range w.Drives {
		// With one Windows the rows of the volumes tell, one letter each.
		second := slices.ContainsFunc(w.Drives[:i], func(o plan.Drive) bool { return o.Volume == d.Volume })
		if s.all || len(in.Windows) > 1 || d.Base != "" || second {
			text := d.Letter + " is " + s.place(d.Volume, d.Base)
			if s.all {
				text += " (" + d.How + ")"
			}
			places = append(places, text)
		}
	}
	for _, m := range w.Mounts {
		if m.Volume > 0 {
			places = append(places, fmt.Sprintf("%s is %s", s.name(m.Folder, 40), s.place(m.Volume, m.Base)))
		}
	}
	if len(places) > 0 {
		s.line("  %s", strings.Join(places, ", "))
	}
	if s.all {
		for _, m := range w.Mounts {
			if m.Volume == 0 {
				s.line("  the volume that is mounted in %s is on none of the sources", m.Folder)
			}
		}
		if len(w.Missing) > 0 {
			s.line("  letters of drives that are on none of the sources: %s", strings.Join(w.Missing, " "))
		}
	}
	s.users(w)
	var more []string
	if text := w.unused(s.all); text != "" {
		more = append(more, "accounts without a profile: "+text)
	}
	if text := w.replayed(); text != "" {
		more = append(more, "logs replayed: "+text)
	}
	if text := rebuild(w.Inventory); text != "" {
		text = "to rebuild: " + text
		if hint := " (--json)"; columns(text+hint) <= screenWidth-2 {
			text += hint
		}
		more = append(more, text)
	}
	notes := w.notes(s.all)
	if len(more)+len(notes) > 0 {
		s.w.WriteByte('\n')
	}
	for _, text := range more {
		s.line("  %s", text)
	}
	s.notes("  ", notes)
}

// fill puts those of more behind text that fit on the line.
func (s *screen) fill(text string, more ...string) string {
	if s.all {
		return fill(text, math.MaxInt, more...)
	}
	return fill(text, screenWidth, more...)
}

// facts is what the second line of a Windows tells: what it is called, where
// it belongs, and as there is room when and how it was shut down.
func (s *screen) facts(w *windowsDoc) string {
	m, st := &w.Inventory.Machine, &w.Inventory.State
	text := "computer " + w.Computer
	if w.Computer == "" {
		text = "computer without a name"
		if slices.ContainsFunc(w.Hives, func(h offline.HiveState) bool {
			return h.Unknown != "" && wstr.EqualFold(winpath.Base(h.Path), "SYSTEM")
		}) {
			text = "computer name unknown"
		}
	}
	if m.Domain != "" {
		text += ", domain " + string(m.Domain)
	}
	for _, t := range m.Entra {
		name := t.Name
		if name == "" {
			name = t.ID
		}
		text += ", Entra " + string(name)
	}
	// Where people of a domain are, the machine was a member of it once.
	if m.Domain == "" && len(m.Entra) == 0 && w.Computer != "" && !slices.ContainsFunc(w.Users, func(u inspectedDoc) bool { return u.Kind == profile.Domain || u.Kind == profile.Entra }) {
		text += ", no domain"
	}
	down, fast := "", ""
	if day, _, ok := strings.Cut(st.Shutdown, "T"); ok {
		down = "last shut down " + day
	}
	if st.FastStartup == "on" && st.Hibernation != "off" {
		fast = "fast startup on"
	}
	return s.fill("  "+text, fast, down)[2:]
}

func (s *screen) users(w *windowsDoc) {
	header := false
	// Whoever used it last comes first.
	users := make([]*inspectedDoc, len(w.Users))
	for i := range w.Users {
		users[i] = &w.Users[i]
	}
	slices.SortStableFunc(users, func(a, b *inspectedDoc) int { return strings.Compare(b.LastUse, a.LastUse) })
	for _, u := range users {
		if u.Kind == profile.Service && !s.all {
			continue
		}
		if !header {
			s.line("  %s %s %s  %s  %s", left("USER", 22), left("KIND", 9), right("SIZE", 8), left("LAST USE", 10), "REMARKS")
			header = true
		}
		last, _, _ := strings.Cut(u.LastUse, " ")
		if last, _, _ = strings.Cut(last, "T"); last == "" {
			last = "-"
		}
		sized := "-"
		if u.Sizes != nil {
			sized = short(u.Size)
		}
		s.line("  %s %s %s  %s  %s", left(s.name(u.called(w), 22), 22), left(u.Kind, 9), right(sized, 8), left(last, 10), strings.Join(u.remarks(), ", "))
		if s.all {
			for _, more := range []string{
				prefixed("SID ", u.SID), prefixed("name from ", u.NameFrom), prefixed("full name ", string(u.FullName)), prefixed("UPN ", string(u.UPN)),
				prefixed("folder ", string(u.Folder)), prefixed("roaming profile ", string(u.Roaming)), prefixed("last use by ", u.LastFrom), prefixed("groups ", u.groups()),
				prefixed("sizes ", u.sizes()),
			} {
				if more != "" {
					s.line("    %s", more)
				}
			}
		}
		s.moved(u)
	}
}

// called is the name of a user as people know it: without the computer's.
func (u *inspectedDoc) called(w *windowsDoc) wstr.Text {
	switch {
	case u.NameFrom == "" || u.Domain == "" || wstr.EqualFold(string(u.Domain), w.Computer):
		return u.Name
	case u.Kind == profile.Entra && u.UPN != "":
		return u.UPN
	}
	return u.Domain + `\` + u.Name
}

// groups names the local groups.
func (u *inspectedDoc) groups() string {
	names := make([]string, len(u.Groups))
	for i, g := range u.Groups {
		names[i] = string(g.Name)
	}
	return strings.Join(names, ", ")
}

// sizes tells the sizes of the kinds of data there are.
func (u *inspectedDoc) sizes() string {
	var list []string
	if u.Sizes != nil {
		for _, k := range u.Sizes.Kinds {
			if k.Bytes > 0 {
				list = append(list, k.Kind+" "+short(k.Bytes))
			}
		}
		if t := u.Sizes.Total; t.OnlineFiles > 0 {
			list = append(list, fmt.Sprintf("%s only in the cloud (%s)", count(int(t.OnlineFiles), "file"), short(t.OnlineBytes)))
		}
	}
	return strings.Join(list, ", ")
}

// remarks are what is unusual about a user, the worst first, in few words.
func (u *inspectedDoc) remarks() []string {
	var out []string
	has := func(codes ...profile.Code) bool {
		return slices.ContainsFunc(u.Cases, func(c profile.Case) bool { return slices.Contains(codes, c.Code) })
	}
	for _, r := range []struct {
		on   bool
		text string
	}{
		{u.RepeatOf != "", "repeats another key"},
		{has(profile.DeadHive, profile.NoHive), "no settings"},
		{has(profile.SubstituteHive), "older settings"},
		{has(profile.DirtyHive), "newest settings lost"},
		{has(profile.DamagedHive, profile.DeadClasses), "settings damaged"},
		{has(profile.VolumeMissing), "on a missing drive"},
		{has(profile.RemoteProfile), "profile on a server"},
		{has(winold.FilesMoved), "files moved"},
		{has(winold.FilesElsewhere), "has files elsewhere"},
		{has(winold.OnlyRemains), "only remains"},
		{has(profile.NoFolder, profile.NoPath), "no folder"},
		{u.Temporary, "temporary"},
		{u.Backup, "put aside (.bak)"},
		{len(u.Others) > 0 && u.Real == u.ID, "real"},
		{has(profile.NoKey), "no key"},
		{has(profile.SharedFolder), "folder shared"},
		{has(profile.OwnerUnknown), "owner unknown"},
		{has(profile.NameUnknown), "name unknown"},
		{has(profile.NameGuessed), "name guessed"},
		{has(profile.AccountDeleted), "account deleted"},
		{has(profile.FolderMissing, profile.FolderUnresolved), "folder missing"},
		{u.Disabled, "disabled"},
		{u.Roaming != "", "roaming"},
		{slices.ContainsFunc(u.Groups, func(g groupDoc) bool { return g.SID == "S-1-5-32-544" }), "admin"},
	} {
		if r.on {
			out = append(out, r.text)
		}
	}
	if base := winpath.Base(string(u.Folder)); u.Found && u.Kind != profile.Service && !u.Temporary && u.NameFrom != "" && !wstr.EqualFold(base, string(u.Name)) {
		out = append(out, "in "+base)
	}
	return out
}

// moved prints where the folders of u are that are not in its profile: those
// of one cloud together.
func (s *screen) moved(u *inspectedDoc) {
	var places []string
	names := map[string][]string{}
	for _, r := range u.Redirected {
		to := r.Path
		switch {
		case s.all && to != "":
			to = "in " + to + prefixed(" (", r.Cloud) + prefixed(" of ", r.Account)
			if r.Cloud != "" {
				to += ")"
			}
		case r.Cloud != "":
			to = "in " + winpath.Base(r.Cloud)
		case to == "":
			to = "on " + r.Remote
		default:
			to = "in " + to
		}
		if r.Missing {
			to += " (missing)"
		}
		if s.all && r.Left != "" {
			to += "; something is left in " + r.Left
		}
		if s.all && r.Cached != "" {
			to += "; copies are in " + r.Cached
		}
		if names[to] == nil {
			places = append(places, to)
		}
		names[to] = append(names[to], r.Folder)
	}
	row := ""
	for _, to := range places {
		text := strings.Join(names[to], ", ") + " " + s.name(wstr.Text(to), 40)
		switch {
		case row == "":
			row = text
		case s.all || columns(printable(row+"; "+text)) > screenWidth-4:
			s.line("    %s", row)
			row = text
		default:
			row += "; " + text
		}
	}
	if row != "" {
		s.line("    %s", row)
	}
}

// unused names the accounts that have no profile: those that a person made
// and could log on with, or all.
func (w *windowsDoc) unused(all bool) string {
	var names []string
	for _, a := range w.Accounts {
		if a.Profile || !all && (a.RID < 1000 || a.Disabled) {
			continue
		}
		name := string(a.Name)
		if a.Disabled {
			name += " (disabled)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// replayed names the registry files whose newest changes came out of their
// logs.
func (w *windowsDoc) replayed() string {
	var names []string
	for _, h := range w.Hives {
		if len(h.Recovery.Applied) > 0 {
			name := winpath.Base(h.Path)
			if dir := winpath.Dir(h.Path); !wstr.EqualFold(winpath.Base(dir), "config") {
				for _, u := range w.Users {
					if rel, ok := winpath.Rel(string(u.Folder), h.Path); ok && rel != "" {
						name += " of " + string(u.Name)
						break
					}
				}
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// rebuild counts what is in an inventory.
func rebuild(inv *inventory.Inventory) string {
	programs, apps, printers, drives := 0, 0, 0, 0
	for _, p := range inv.Programs {
		if !p.Hidden {
			programs++
		}
	}
	for _, a := range inv.Apps {
		if !a.System && !a.Framework {
			apps++
		}
	}
	for _, p := range inv.Printers {
		if !p.Virtual {
			printers++
		}
	}
	for _, u := range inv.Users {
		printers += len(u.Printers)
		drives += len(u.Drives)
	}
	var list []string
	for _, c := range []struct {
		n    int
		what string
	}{{programs, "program"}, {apps, "app"}, {printers, "printer"}, {drives, "network drive"}} {
		if c.n > 0 {
			list = append(list, count(c.n, c.what))
		}
	}
	if n := len(inv.WiFi); n > 0 {
		list = append(list, fmt.Sprintf("%d Wi-Fi", n))
	}
	return strings.Join(list, ", ")
}

// lost says in short which registry files of the system are not what they were;
// those of users are remarks.
func (w *windowsDoc) lost() []string {
	var list []string
	for _, h := range w.Hives {
		if !h.Lost() || slices.ContainsFunc(w.Users, func(u inspectedDoc) bool { _, ok := winpath.Rel(string(u.Folder), h.Path); return ok && u.Found }) {
			continue
		}
		name := h.Path
		if wstr.EqualFold(winpath.Base(winpath.Dir(name)), "config") {
			name = winpath.Base(name)
		}
		switch {
		case h.Fallback != "":
			day, _, _ := strings.Cut(h.Modified, "T")
			list = append(list, fmt.Sprintf("%s is destroyed; read is the %s%s: what changed since then is missing", name, h.Fallback, prefixed(" of ", day)))
		case h.Error != "":
			list = append(list, fmt.Sprintf("%s cannot be read: %s", name, h.Error)+instead(name, h))
		case h.Unknown != "":
			list = append(list, fmt.Sprintf("%s is of no use: %s", name, h.Unknown))
		default:
			list = append(list, fmt.Sprintf("%s lacks its newest changes: %s", name, h.Recovery.Unrecovered))
		}
	}
	return list
}

// instead says in short what to go by without SYSTEM or SOFTWARE.
func instead(name string, h offline.HiveState) string {
	switch {
	case h.Unknown == "":
		return ""
	case wstr.EqualFold(name, "SYSTEM"):
		return "; --map D=NUMBER says which volume is D:"
	}
	return "; the users are those with a folder"
}

// notes are what somebody has to know of a Windows, the worst first.
func (w *windowsDoc) notes(all bool) []string {
	var list []string
	for _, p := range w.Problems {
		if all || !slices.ContainsFunc(w.Hives, func(h offline.HiveState) bool { return h.Lost() && strings.HasPrefix(p, h.Path+": ") }) {
			list = append(list, p)
		}
	}
	if !all {
		list = append(list, w.lost()...)
	}
	st := &w.Inventory.State
	list = append(list, st.Setup...)
	for _, c := range st.Checks {
		list = append(list, "before Windows starts it is to run: "+string(c))
	}
	if st.Renames > 0 && len(st.Restart) > 0 || all && st.Renames > 0 {
		list = append(list, count(st.Renames, "file")+" to be replaced at the next start")
	}
	for _, what := range st.Restart {
		list = append(list, what+" waits for a restart")
	}
	said := 0
	for i := range w.Users {
		u := &w.Users[i]
		if all {
			for _, p := range u.Problems {
				list = append(list, string(u.Name)+": "+p)
			}
		} else if u.Kind != profile.Service {
			said += len(u.Problems)
			for _, c := range u.Cases {
				if c.Code == profile.ReplayedHive || c.Code == profile.RedirectedFolder {
					said-- // other lines tell it
				}
			}
		}
	}
	for _, p := range w.Inventory.Problems {
		if all || !slices.ContainsFunc(w.Hives, func(h offline.HiveState) bool { return h.Unknown != "" && h.Path == p.Where }) {
			list = append(list, p.String())
		}
	}
	if said > 0 {
		list = append(list, "more about the users: inspect --all ("+count(said, "message")+")")
	}
	return list
}

// old prints an older installation.
func (s *screen) old(in *inspection, i int) {
	o := &in.Old[i]
	if s.all {
		for n, line := range o.Lines() {
			if n > 0 {
				line = "  " + line
			}
			s.line("%s", line)
		}
		for _, u := range o.Users {
			s.line("  %s %s %s", left(string(u.Name), 22), left(string(u.State), 10), u.Dir)
		}
		return
	}
	line, moved := o.Brief(), 0
	for _, u := range o.Users {
		if u.State == winold.Moved {
			moved++
		}
	}
	if moved > 0 {
		line += ", " + count(moved, "user") + " moved out"
	}
	s.line("%s", line)
	if o.Unfinished != "" {
		s.line("  ! %s", o.Unfinished)
	}
}
