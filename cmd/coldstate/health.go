package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// tellHealth says at the head of a capture how each volume is, and what that
// means: as inspect does, before anything is read.
func (s *source) tellHealth(a *app) {
	for _, src := range s.set.Sources {
		for _, n := range src.Notes {
			a.message("note", src.Path+": "+n)
		}
		for _, p := range src.Problems {
			a.message("warning", src.Path+": "+p)
		}
	}
	for _, v := range s.set.Volumes {
		d := describeVolume(s, v)
		if d.starts() && len(d.notes()) == 0 {
			continue
		}
		name := s.prefix(v)
		a.message("note", name+" "+d.state())
		for _, note := range d.notes() {
			a.message("warning", name+" "+note)
		}
	}
}

// state tells in a line what a volume is: kind, size, room, how it is encrypted
// and was left.
func (v *volumeDoc) state() string {
	list := []string{v.Kind}
	h := v.Health
	if h != nil && strings.HasPrefix(h.Version, v.Kind) {
		list[0] = h.Version // FAT32
	} else if h != nil && h.Version != "" {
		list[0] += " " + h.Version
	}
	if v.Size > 0 {
		list = append(list, short(v.Size))
	}
	if v.Free != nil {
		list = append(list, short(*v.Free)+" free")
	}
	switch {
	case v.Locked:
		return strings.Join(append(list, "locked"), ", ")
	case v.Unread != "":
		return strings.Join(append(list, v.health()), ", ") + ": " + v.Unread
	}
	if v.BitLocker != nil {
		list = append(list, "BitLocker: "+describeEncryption(v.BitLocker))
	}
	if h == nil {
		return strings.Join(list, ", ")
	}
	if h.Log == winfs.LogClosed && h.Hibernation == "" {
		list = append(list, "closed")
	}
	return strings.Join(append(list, cmp.Or(h.Words(), "no damage seen")), ", ")
}

// name is how paths begin that are on the volume.
func (v *volumeDoc) name() string {
	if v.Letter != "" {
		return v.Letter
	}
	return fmt.Sprintf("%d:", v.Number)
}

// notes are what there is to know of the volume before a capture.
func (v *volumeDoc) notes() []string {
	if v.Locked && v.BitLocker != nil {
		return append([]string{"nothing of it is captured while it is locked; " + opensWith(v.BitLocker.Protectors)}, v.Notes...)
	}
	return v.Notes
}

// tells says whether a problem is that of a locked volume for which no key was
// given, of which the row and the note tell.
func (in *inspection) tells(problem string) bool {
	for _, src := range in.Sources {
		for _, v := range src.Volumes {
			if v.Locked && v.BitLocker != nil && strings.HasPrefix(problem, fmt.Sprintf("volume %d (", v.Number)) && strings.Contains(problem, "locked by BitLocker; it opens with: ") {
				return true
			}
		}
	}
	return false
}

// healths prints the notes of volumes, the same ones of several volumes once.
func (s *screen) healths(list []volumeDoc) {
	var texts []string
	names := map[string][]string{}
	for _, v := range list {
		for _, text := range v.notes() {
			if names[text] == nil {
				texts = append(texts, text)
			}
			names[text] = append(names[text], v.name())
		}
	}
	for _, text := range texts {
		s.note("  ", clip(strings.Join(names[text], ", "), 40)+" "+text, maxNoteLines)
	}
}
