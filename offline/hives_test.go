package offline

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

// computerNamed is eleven() with another name of the computer.
func computerNamed(name string) *machine {
	m := eleven()
	m.control(`ComputerName\ComputerName`).system.At(`ControlSet001\Control\ComputerName\ComputerName`).Values[0] = hivegen.SZ("ComputerName", name)
	return m
}

func (m *machine) systemHive() []byte { return hivegen.Build(m.system, hivegen.Options{}) }

const systemPath = "Windows/System32/config/SYSTEM"

// findOne loads the one installation of a folder.
func findOne(t *testing.T, files map[string][]byte, touch ...string) *System {
	t.Helper()
	root := tree(t, files)
	for i, name := range touch { // each a year younger than the one before
		at := time.Date(2020+i, 6, 1, 12, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(root, filepath.FromSlash(name)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	systems, problems, err := Find(openSet(t, root), Options{})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%d systems, %v, %v", len(systems), problems, err)
	}
	return systems[0]
}

// TestLogs: the changes in logs are applied, whatever the case of their names.
func TestLogs(t *testing.T) {
	before, after := computerNamed("BEFORE").systemHive(), computerNamed("AFTER").systemHive()
	files := map[string][]byte{}
	eleven().install(files, "Windows")
	files[systemPath] = hivegen.Sequence(before, 6, 5)
	files["Windows/System32/config/system.Log1"] = hivegen.LogHvLE(5, before, after)
	s := findOne(t, files)
	if s.ComputerName != "AFTER" || len(s.Problems) != 0 {
		t.Errorf("computer %s, %v", s.ComputerName, s.Problems)
	}
	st, ok := s.HiveState(`c:\windows\system32\config\system`)
	if !ok || st.Path != `C:\Windows\System32\config\SYSTEM` || st.From != st.Path || st.Fallback != "" || len(st.Recovery.Applied) != 1 || st.Lost() {
		t.Errorf("%+v", st)
	}
	if p, ok := st.Tell(); !ok || !strings.Contains(p.String(), "1 change of system.Log1 replayed") {
		t.Errorf("%v, %v", p, ok)
	}
	if st, ok := s.HiveState(s.Config("SOFTWARE")); !ok || st.Lost() || st.Recovery.Dirty {
		t.Errorf("%+v", st)
	} else if _, ok := st.Tell(); ok {
		t.Error("a whole hive is told")
	}
	if got := s.HiveStates(); len(got) != 2 || got[0].Path != `C:\Windows\System32\config\SOFTWARE` || got[1].Path != st.Path {
		t.Errorf("%+v", got)
	}
	b, err := json.Marshal(st)
	if err != nil || !strings.Contains(string(b), `"recovery":{"dirty":true,"applied":[{"name":"system.Log1"`) {
		t.Errorf("%s, %v", b, err)
	}
	// Without its log the same hive lacks something, and says so.
	delete(files, "Windows/System32/config/system.Log1")
	s = findOne(t, files)
	st, _ = s.HiveState(s.Config("SYSTEM"))
	if s.ComputerName != "BEFORE" || !st.Lost() {
		t.Errorf("computer %s, %+v", s.ComputerName, st)
	}
	checkProblems(t, s.Problems, []string{`C:\Windows\System32\config\SYSTEM: the hive was not written out completely`})
}

// TestUnreadLogs: a log that cannot be read is not one that is not there.
func TestUnreadLogs(t *testing.T) {
	before, after := computerNamed("BEFORE").systemHive(), computerNamed("AFTER").systemHive()
	for _, tt := range []struct {
		name    string
		hive    []byte
		log1    []byte
		unread  bool
		name1   bool // LOG1 is told
		applied int
	}{
		{"the only log", hivegen.Sequence(before, 6, 5), nil, true, false, 0},
		{"beside one that is applied", hivegen.Sequence(before, 6, 5), hivegen.LogHvLE(5, before, after), true, true, 1},
		{"of a hive that needs none", before, nil, false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			eleven().install(files, "Windows")
			files[systemPath] = tt.hive
			if tt.log1 != nil {
				files[systemPath+".LOG1"] = tt.log1
			}
			files[systemPath+".LOG2/folder"] = []byte("a folder cannot be read as a log")
			s := findOne(t, files)
			st, _ := s.HiveState(s.Config("SYSTEM"))
			p, told := st.Tell()
			if (len(st.UnreadLogs) == 1) != tt.unread || st.Lost() != tt.unread || told != tt.unread || len(st.Recovery.Applied) != tt.applied {
				t.Fatalf("%+v, told: %v", st, p)
			}
			if tt.unread && (!strings.Contains(p.What, "SYSTEM.LOG2 (") || strings.Contains(p.What, "No transaction log") || strings.Contains(p.What, "LOG1") != tt.name1) {
				t.Error(p)
			}
			if (st.Missing() != "") != tt.unread {
				t.Error(st.Missing())
			}
		})
	}
}

func TestFallbacks(t *testing.T) {
	zeros := make([]byte, 8192)
	noControlSet := hivegen.Build(hivegen.K("ROOT"), hivegen.Options{})
	for _, tt := range []struct {
		name  string
		file  []byte // SYSTEM, nil for none
		more  map[string][]byte
		touch []string
		want  string // computer, what stands in and where it is
		error string // of the state
	}{
		{"RegBack", zeros, map[string][]byte{"RegBack/SYSTEM": computerNamed("REGBACK").systemHive(), "SYSTEM.bak": computerNamed("BAK").systemHive()},
			[]string{"RegBack/SYSTEM", "SYSTEM.bak"}, `REGBACK|RegBack|C:\Windows\System32\config\RegBack\SYSTEM|2020-06-01`, "offset 0x0: "},
		{"RegBack is empty, as since 1803", zeros, map[string][]byte{"RegBack/SYSTEM": {}, "SYSTEM.bak": computerNamed("BAK").systemHive()},
			nil, `BAK|backup copy|C:\Windows\System32\config\SYSTEM.bak|`, "offset 0x0"},
		{"RegBack is broken, too", zeros, map[string][]byte{"RegBack/SYSTEM": zeros, "system.OLD": computerNamed("OLD").systemHive()},
			nil, `OLD|backup copy|C:\Windows\System32\config\SYSTEM.old|`, "offset 0x0"},
		{"the newest copy", zeros, map[string][]byte{"SYSTEM.bak": computerNamed("BAK").systemHive(), "SYSTEM.old": computerNamed("OLD").systemHive(), "SYSTEM_bak": computerNamed("OTHER").systemHive()},
			[]string{"SYSTEM_bak", "SYSTEM.bak", "SYSTEM.old"}, `OLD|backup copy|C:\Windows\System32\config\SYSTEM.old|2022-06-01`, "offset 0x0"},
		{"the file is gone", nil, map[string][]byte{"RegBack/SYSTEM": computerNamed("REGBACK").systemHive()},
			nil, `REGBACK|RegBack|C:\Windows\System32\config\RegBack\SYSTEM|`, "not found"},
		{"it opens and is not that of a Windows", noControlSet, map[string][]byte{"RegBack/SYSTEM": computerNamed("REGBACK").systemHive()},
			nil, `REGBACK|RegBack|C:\Windows\System32\config\RegBack\SYSTEM|`, "has no control set"},
		{"repair comes after copies", zeros, map[string][]byte{"../../repair/system": computerNamed("REPAIR").systemHive(), "SYSTEM.bak": computerNamed("BAK").systemHive()},
			nil, `BAK|backup copy|C:\Windows\System32\config\SYSTEM.bak|`, "offset 0x0"},
		{"repair", zeros, map[string][]byte{"../../repair/system": computerNamed("REPAIR").systemHive(), "system.sav": computerNamed("SETUP").systemHive()},
			nil, `REPAIR|repair|C:\Windows\repair\SYSTEM|`, "offset 0x0"},
		{"what Setup saved", zeros, map[string][]byte{"system.sav": computerNamed("SETUP").systemHive()},
			nil, `SETUP|backup copy of Setup|C:\Windows\System32\config\SYSTEM.sav|`, "offset 0x0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			eleven().install(files, "Windows")
			if files[systemPath] = tt.file; tt.file == nil {
				delete(files, systemPath)
			}
			at := func(name string) string { return filepath.ToSlash(filepath.Join("Windows/System32/config", name)) }
			for name, b := range tt.more {
				files[at(name)] = b
			}
			var touch []string
			for _, name := range tt.touch {
				touch = append(touch, at(name))
			}
			s := findOne(t, files, touch...)
			st, _ := s.HiveState(s.Config("SYSTEM"))
			date := ""
			if len(touch) > 0 {
				date = st.Modified[:10]
			}
			if got := fmt.Sprintf("%s|%s|%s|%s", s.ComputerName, st.Fallback, st.From, date); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			if !strings.HasPrefix(st.Error, tt.error) || strings.Contains(st.Error, "hive:") || !st.Lost() {
				t.Errorf("error %q, want %q; lost %v", st.Error, tt.error, st.Lost())
			}
			// Never silently.
			checkProblems(t, s.Problems, []string{st.From + " (" + st.Fallback})
		})
	}
}

// TestNoFallback: what cannot be replaced stays an error, that of the file.
func TestNoFallback(t *testing.T) {
	files := map[string][]byte{}
	eleven().install(files, "Windows")
	files[systemPath] = make([]byte, 8192)
	files["Windows/System32/config/RegBack/SYSTEM"] = nil
	systems, problems, err := Find(openSet(t, tree(t, files)), Options{})
	if err != nil || len(systems) != 0 {
		t.Fatalf("%v, %v", systems, err)
	}
	checkProblems(t, problems, []string{`1:\Windows: looks like a Windows folder but is not usable: Windows\System32\config\SYSTEM: hive: offset 0x0`})
}

func TestUserHives(t *testing.T) {
	user := func(value string) []byte {
		return hivegen.Build(hivegen.K("ROOT", hivegen.K("Software", hivegen.SZ("x", value))), hivegen.Options{})
	}
	files := map[string][]byte{}
	eleven().install(files, "Windows")
	before, after := user("before"), user("after")
	files["Users/dirty/NTUSER.DAT"] = hivegen.Sequence(before, 6, 5)
	files["Users/dirty/ntuser.dat.LOG2"] = hivegen.LogHvLE(5, before, after)
	files["Users/dead/NTUSER.DAT"] = []byte("not a hive")
	files["Users/dead/NTUSER.DAT.bak"] = user("backup")
	files["Users/mandatory/NTUSER.MAN"] = user("mandatory")
	files["Users/lost/NTUSER.DAT"] = []byte("not a hive")
	files["Users/none/x"] = nil
	files["Users/hurt/NTUSER.DAT"] = user("hurt")
	hurt := files["Users/hurt/NTUSER.DAT"]
	copy(hurt[strings.Index(string(hurt), "vk"):], "xx")
	s := findOne(t, files)
	for _, tt := range []struct{ user, want, from, fallback, tell string }{
		{"dirty", "after", `C:\Users\dirty\NTUSER.DAT`, "", "the hive was not written out completely: 1 change of ntuser.dat.LOG2 replayed (HvLE)"},
		{"dead", "backup", `C:\Users\dead\NTUSER.DAT.bak`, "backup copy", `C:\Users\dead\NTUSER.DAT: cannot be used (offset 0x0: `},
		{"mandatory", "mandatory", `C:\Users\mandatory\NTUSER.MAN`, "mandatory profile", "cannot be used (not found)"},
	} {
		path := `C:\Users\` + tt.user + `\NTUSER.DAT`
		h, err := s.Hive(path)
		if err != nil {
			t.Errorf("%s: %v", tt.user, err)
			continue
		}
		k, err := h.Root().Key("Software")
		if err != nil {
			t.Errorf("%s: %v", tt.user, err)
			continue
		}
		st, ok := s.HiveState(path)
		p, told := st.Tell()
		if text(k, "x") != tt.want || !ok || !told || st.From != tt.from || st.Fallback != tt.fallback || !strings.Contains(p.String(), tt.tell) {
			t.Errorf("%s: %q, %+v, %s", tt.user, text(k, "x"), st, p)
		}
	}
	var fe *hive.FormatError
	if _, err := s.Hive(`C:\Users\lost\NTUSER.DAT`); !errors.As(err, &fe) {
		t.Errorf("lost: %v", err)
	}
	if st, ok := s.HiveState(`C:\Users\lost\NTUSER.DAT`); !ok || st.From != "" || st.Error == "" || !st.Lost() {
		t.Errorf("lost: %+v", st)
	}
	if _, err := s.Hive(`C:\Users\none\NTUSER.DAT`); !errors.Is(err, volumes.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	if st, ok := s.HiveState(`C:\Users\none\NTUSER.DAT`); ok {
		t.Errorf("none: %+v", st)
	}
	// Damage shows as it is met.
	path := `C:\Users\hurt\NTUSER.DAT`
	h, err := s.Hive(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := s.HiveState(path); st.Problems != 0 {
		t.Errorf("before it is read: %+v", st)
	}
	k, _ := h.Root().Key("Software")
	for range k.Values() {
	}
	if st, _ := s.HiveState(path); st.Problems != 1 || st.First == "" {
		t.Errorf("hurt: %+v", st)
	}
	b, logs, err := s.HiveFiles(`C:\Users\dirty\NTUSER.DAT`, 1<<20)
	if err != nil || len(b) == 0 || len(logs) != 1 || logs[0].Name != "ntuser.dat.LOG2" {
		t.Errorf("%d bytes, %d logs, %v", len(b), len(logs), err)
	}
	if _, _, err := s.HiveFiles(`C:\Users\dirty\NTUSER.DAT`, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}
