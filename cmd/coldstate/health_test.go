package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// A Windows that was put to sleep is said to be stale before the work starts,
// in the plan of the store too; the capture goes on and is complete.
func TestHealthOfHibernated(t *testing.T) {
	memory := ntfsgen.Bytes(append([]byte("HIBR"), make([]byte, 8192)...)).NonResident()
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{ntfsgen.File(`Documents\letter.txt`, "letter")}}},
		Files: []*ntfsgen.Node{ntfsgen.File("hiberfil.sys", memory)}}
	dir := t.TempDir()
	img := filepath.Join(dir, "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{Flags: ntfsgen.Dirty, Log: ntfsgen.LogOpen}, w.On("C:")...).WriteFile(img); err != nil {
		t.Fatal(err)
	}
	status, out, _ := tool(t, "inspect", img)
	if status != 0 || !strings.Contains(out, "hibernated, wants…") || !strings.Contains(out, "! C: may be stale") || !strings.Contains(out, "or accept\n") {
		t.Errorf("inspect: %d, %s", status, out)
	}
	if status, out, _ = tool(t, "inspect", "--all", img); status != 0 || !strings.Contains(out, "hibernated, wants chkdsk\n") || !strings.Contains(out, "shutdown /s /f") || !strings.Contains(out, "marked the volume for chkdsk") {
		t.Errorf("inspect --all: %d, %s", status, out)
	}
	var in struct {
		Sources []struct {
			Volumes []struct{ Health *winfs.Health }
		}
	}
	status, out, _ = tool(t, "inspect", "--json", img)
	want := winfs.Health{Version: "3.1", Dirty: true, Log: winfs.LogOpen, LogVersion: "1.1", Hibernation: winfs.Hibernated}
	if err := json.Unmarshal([]byte(out), &in); status != 0 || err != nil || in.Sources[0].Volumes[0].Health == nil || *in.Sources[0].Volumes[0].Health != want {
		t.Errorf("inspect --json: %d, %v, %s", status, err, out)
	}

	to := filepath.Join(dir, "store")
	status, out, msg := tool(t, "capture", img, "--to", to)
	if status != 0 || !strings.Contains(msg, "C: may be stale") || !strings.Contains(out+msg, "RESULT: complete") {
		t.Errorf("capture: %d, %s%s", status, out, msg)
	}
	s, err := store.Open(store.OS(to))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := s.ReadFile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc plan.Document
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.Volumes) != 1 || doc.Volumes[0].Health == nil || *doc.Volumes[0].Health != want || len(doc.Volumes[0].Notes) != 2 || doc.Volumes[0].Free == nil {
		t.Errorf("plan.json: %v, %+v", err, doc.Volumes)
	}
}

// unwrapped puts the lines of a note together.
func unwrapped(text string) string { return strings.ReplaceAll(text, "\n    ", " ") }

// TestHealthSaid: whatever is wrong with a volume is said in full by inspect,
// in its JSON, and at the head of a capture, with what it means.
func TestHealthSaid(t *testing.T) {
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{ntfsgen.File(`Documents\letter.txt`, "letter")}}}}
	memory := func(sig string) []*ntfsgen.Node {
		return []*ntfsgen.Node{ntfsgen.File("hiberfil.sys", ntfsgen.Bytes(append([]byte(sig), make([]byte, 8192)...)).NonResident())}
	}
	volume := func(opt ntfsgen.Options, more ...*ntfsgen.Node) *ntfsgen.Volume {
		w := *w
		w.Files = more
		return ntfsgen.Build(opt, w.On("C:")...)
	}
	journal := func(v *ntfsgen.Volume) int64 {
		f := v.File("$LogFile")
		return f.Extents("")[0].Pos
	}
	torn := func(v *ntfsgen.Volume) *ntfsgen.Volume {
		return v.Patch(v.RecordOffset(v.File(`Users\ann\Documents\letter.txt`).Record)+510, []byte{1, 2})
	}
	clean := ntfsgen.Options{Log: ntfsgen.LogClean}
	whole := volume(clean)
	data := func(opt ntfsgen.Options) *ntfsgen.Volume { return ntfsgen.Build(opt, ntfsgen.File("data.txt", "data")) }
	sample := func(name string) func(string) error {
		return func(img string) error { r, n := testimages.Broken(name); return testimages.WriteImage(img, r, n) }
	}
	lockedBy := func(kind string) func(string) error {
		return func(img string) error { r, n := testimages.Locked(kind); return testimages.WriteImage(img, r, n) }
	}
	disk := func(parts ...diskgen.Part) func(string) error {
		return diskgen.Disk{GPT: true, Parts: parts}.Build().WriteFile
	}
	for _, tt := range []struct {
		name  string
		write func(img string) error
		args  []string
		state string   // in the capture's line about the volume
		notes []string // how they begin
	}{
		{name: "closed", write: whole.WriteFile, state: "C: NTFS 3.1, 2.0 MiB, 852 KiB free, closed, no damage seen"},
		{name: "hibernated", write: volume(clean, memory("HIBR")...).WriteFile, state: "KiB free, hibernated", notes: []string{"C: may be stale (hibernated or Fast Startup)"}},
		{name: "resuming", write: volume(clean, memory("RSTR")...).WriteFile, state: "KiB free, resume cut off", notes: []string{"C: may be stale (a start out of hibernation did not end)"}},
		{name: "dirty", write: volume(ntfsgen.Options{Log: ntfsgen.LogClean, Flags: ntfsgen.Dirty}).WriteFile, state: "closed, wants chkdsk", notes: []string{"C: Windows marked the volume for chkdsk: damage"}},
		{name: "chkdsk", write: volume(ntfsgen.Options{Log: ntfsgen.LogClean, Flags: 0x4001}).WriteFile, state: "closed, wants chkdsk", notes: []string{"C: a chkdsk of the volume did not end"}},
		{name: "open", write: volume(ntfsgen.Options{Log: ntfsgen.LogOpen, Flags: ntfsgen.Dirty}).WriteFile, state: "free, not closed, wants chkdsk",
			notes: []string{"C: may be stale (not closed: ", "C: Windows marked the volume"}},
		{name: "all at once", write: torn(volume(ntfsgen.Options{Log: ntfsgen.LogOpen, Flags: 0x4001}, memory("HIBR")...)).WriteFile,
			state: "hibernated, 1 damaged, wants chkdsk", notes: []string{"C: may be stale (hib", "C: the file system is damaged in a place: files it concerns are named, others are whole (MFT record ", "C: a chkdsk"}},
		{name: "journal", write: whole.Patch(journal(whole), []byte("JUNK")).Patch(journal(whole)+4096, []byte("JUNK")).WriteFile, state: "free, no journal", notes: []string{"C: may be stale (whether it was closed is not known"}},
		{name: "damage", write: sample("torn record"), state: "C: NTFS 3.1, 32 MiB, 27 MiB free, closed, 1 damaged", notes: []string{"C: the file system is damaged in a place: "}},
		{name: "suspended", write: lockedBy("suspended"), state: "27 MiB free, BitLocker: encrypted, AES-XTS 128, opened by clear key ", notes: []string{"C: is encrypted by BitLocker, but protection is suspended"}},
		{name: "paused", write: lockedBy("half"), args: []string{"--unlock", testimages.RecoveryPassword}, state: "BitLocker: conversion paused after 15729152 bytes, to be decrypted, ", notes: []string{"C: is encrypted by BitLocker in part"}},
		{name: "unlocked", write: lockedBy("recovery"), args: []string{"--unlock", testimages.RecoveryPassword}, state: "opened by recovery password 5AE10C55-"},
		{name: "locked", write: disk(diskgen.Part{Content: whole}, diskgen.Part{Content: testimages.LockedVolume("recovery")}), state: "2: BitLocker, 32 MiB, locked",
			notes: []string{"2: nothing of it is captured while it is locked; it opens with: TPM, recovery password 5AE10C55"}},
		{name: "two alike", write: disk(diskgen.Part{Content: volume(ntfsgen.Options{Log: ntfsgen.LogOpen})}, diskgen.Part{Content: data(ntfsgen.Options{Log: ntfsgen.LogOpen, Flags: ntfsgen.Dirty})}), state: "2: NTFS 3.1, ",
			notes: []string{"C:, 2: may be stale (not closed: ", "2: Windows marked"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := filepath.Join(t.TempDir(), "disk.img")
			if err := tt.write(img); err != nil {
				t.Fatal(err)
			}
			_, out, stderr := tool(t, append([]string{"inspect", img}, tt.args...)...)
			fits(t, out, 25)
			text := unwrapped(out)
			for _, n := range tt.notes {
				if !strings.Contains(text, "\n  ! "+n) {
					t.Errorf("%q is not said: %s%s", n, out, stderr)
				}
			}
			said := strings.Count(text[:strings.Index(text, "\n\n")], "\n  ! ")
			if said != len(tt.notes) {
				t.Errorf("%d notes about volumes, want %d: %s", said, len(tt.notes), out)
			}

			var in inspection
			_, out, _ = tool(t, append([]string{"inspect", "--json", img}, tt.args...)...)
			if err := json.Unmarshal([]byte(out), &in); err != nil {
				t.Fatal(err)
			}
			_, _, head := tool(t, append([]string{"capture", img, "--to", filepath.Join(t.TempDir(), "store")}, tt.args...)...)
			if !strings.Contains(head, tt.state) {
				t.Errorf("%q is not at the head of the capture: %s", tt.state, head)
			}
			for _, v := range in.Sources[0].Volumes {
				if v.Size == 0 || v.Free == nil && v.Unread == "" {
					t.Errorf("volume %d: its size is %d, its free room is not known", v.Number, v.Size)
				}
				for _, n := range v.notes() {
					if !strings.Contains(text, n) || !strings.Contains(head, "coldstate: warning: "+v.name()+" "+n+"\n") {
						t.Errorf("%q of the JSON is not said: %s%s", n, text, head)
					}
				}
			}
		})
	}
}

// TestNamesOnTheScreen: whatever names are on a disk, each line that is printed
// is one of the program's.
func TestNamesOnTheScreen(t *testing.T) {
	const odd = "odd\r\nRESULT: complete: \x1b[2J\u202e\r\n.txt"
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\`+odd, "letter"),
		ntfsgen.File("Documents\\fol\nder\\"+odd, ntfsgen.Noise("x", 9000), ntfsgen.Stream{Name: odd, Data: ntfsgen.Text("stream")}),
	}}}, Files: []*ntfsgen.Node{ntfsgen.File("Users\\some\r\nbody\\x.txt", "x")}}
	v := ntfsgen.Build(ntfsgen.Options{Label: "La\r\nbel", Log: ntfsgen.LogClean}, w.On("C:")...)
	v = v.Patch(v.RecordOffset(v.File(`Users\ann\Documents\`+odd).Record)+510, []byte{1, 2})
	dir := t.TempDir()
	img := filepath.Join(dir, "c.img")
	if err := v.WriteFile(img); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "store")
	seen := 0
	for _, args := range [][]string{
		{"inspect", img}, {"inspect", "--all", img}, {"capture", img, "--dry-run", "--include", `C:\* [*]`}, {"capture", img, "--to", to, "--include", `C:\* [*]`, "--progress", "plain"},
		{"verify", to}, {"ls", "-r", img}, {"ls", "-r", to}, {"find", img, "*.txt"}, {"find", to, "*.txt"}, {"extract", img, "--to", filepath.Join(dir, "x")}, {"extract", to, "--to", filepath.Join(dir, "y")},
		{"explain", img, `C:\Users\ann\Documents\` + odd}, {"explain", to, `C:\Users\ann\Documents\` + odd}, {"cat", img, `C:\no ` + odd}, {"plan", img}, {"reg", img, "HKLM\\" + odd},
	} {
		_, out, stderr := tool(t, args...)
		for line := range strings.SplitSeq(strings.TrimSuffix(out+stderr, "\n"), "\n") {
			if line != printable(line) {
				t.Errorf("%q: %q", args, line)
			}
			if strings.Contains(line, `RESULT: complete: \x1b`) {
				seen++
			}
			if strings.HasPrefix(line, `RESULT: complete: \x1b`) {
				t.Errorf("%q: a name is a line: %q", args, line)
			}
		}
	}
	if seen < 10 {
		t.Errorf("the name is shown %d times", seen)
	}
}
