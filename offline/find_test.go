package offline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

// tree makes a folder of the host. Names have slashes between.
func tree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, b := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// install puts the hives of m below folder.
func (m *machine) install(files map[string][]byte, folder string) {
	files[folder+"/System32/config/SYSTEM"] = hivegen.Build(m.system, hivegen.Options{})
	files[folder+"/System32/config/SOFTWARE"] = hivegen.Build(m.software, hivegen.Options{})
}

func openSet(t *testing.T, paths ...string) *volumes.Set {
	t.Helper()
	set, err := volumes.Open(paths, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func TestFind(t *testing.T) {
	hives := func(folders ...string) map[string][]byte {
		files := map[string][]byte{}
		for _, f := range folders {
			eleven().install(files, f)
		}
		return files
	}
	with := func(files map[string][]byte, name string, b []byte) map[string][]byte {
		if files[name] = b; b == nil {
			delete(files, name)
		}
		return files
	}
	cut := hivegen.Build(eleven().system, hivegen.Options{})[:4096]
	empty := hivegen.Build(hivegen.K("ROOT"), hivegen.Options{})
	for _, tt := range []struct {
		name     string
		files    map[string][]byte
		want     string // names and their roots
		problems []string
	}{
		{"plain", with(hives("Windows"), "Users/anna/x.txt", []byte("x")), `C:\Windows=Windows`, nil},
		{"any case", hives("wInDoWs"), `C:\wInDoWs=wInDoWs`, nil},
		{"another name", hives("WINNT.0"), `C:\WINNT.0=WINNT.0`, nil},
		{"two on a volume", hives("Windows", "Win2"), `C:\Win2=Win2, C:\Windows=Windows`, nil},
		{"one level below", hives("Old disk/Windows"), `C:\Windows=Old disk\Windows`, nil},
		{"here and one level below", hives("Old disk/Windows", "Windows"), `1:\Old disk\Windows=Old disk\Windows, 1:\Windows=Windows`, nil},
		{"two levels below are not looked at", hives("a/b/Windows"), ``, nil},
		{"Windows.old is not an installation of its own", hives("Windows", "Windows.old/Windows", "windows.old.000/Windows", "$Windows.~BT/Windows", "$INPLACE.~TR/Windows", "$upgrade.~os/Windows"), `C:\Windows=Windows`, nil},
		{"nothing", map[string][]byte{"Users/x": nil, "Windows/System32/notepad.exe": nil}, ``, nil},
		{"SOFTWARE is missing", with(hives("Windows"), "Windows/System32/config/SOFTWARE", nil), ``, []string{`1:\Windows: looks like a Windows folder but is not usable: Windows\System32\config\SOFTWARE: not found`}},
		{"SYSTEM is missing", with(hives("Windows"), "Windows/System32/config/SYSTEM", nil), ``, []string{`config\SYSTEM`}},
		{"SYSTEM is no hive", with(hives("Windows"), "Windows/System32/config/SYSTEM", []byte("<html>")), ``, []string{"no regf signature"}},
		{"SYSTEM is cut", with(hives("Windows"), "Windows/System32/config/SYSTEM", cut), ``, []string{"ends before the first hive bin"}},
		{"SYSTEM of something else", with(hives("Windows"), "Windows/System32/config/SYSTEM", empty), ``, []string{"no control set"}},
		{"SOFTWARE of something else", with(hives("Windows"), "Windows/System32/config/SOFTWARE", empty), ``, []string{"is not that of a Windows"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := openSet(t, tree(t, tt.files))
			systems, problems, err := Find(set, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range systems {
				got = append(got, s.Name+"="+s.Root)
			}
			slices.Sort(got)
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("\n got %s\nwant %s", g, tt.want)
			}
			checkProblems(t, problems, tt.problems)
		})
	}
}

// The Windows folder itself may be given, and further folders are volumes
// without a letter until --map gives them one.
func TestFindFolders(t *testing.T) {
	files := map[string][]byte{"Users/anna/note.txt": []byte("hello"), "Windows/x.ini": []byte("x")}
	eleven().install(files, "Windows")
	eleven().install(files, "Backup")
	root := tree(t, files)
	data := tree(t, map[string][]byte{"Docs/a.txt": []byte("data")})
	set := openSet(t, filepath.Join(root, "Windows"), data)
	systems, problems, err := Find(set, Options{Map: map[byte]int{'D': 2}})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%d systems, %v, %v", len(systems), problems, err)
	}
	s := systems[0]
	if s.Dir != `C:\Windows` || len(s.Problems) != 0 {
		t.Errorf("%s, %v", s.Dir, s.Problems)
	}
	for path, want := range map[string]string{`C:\users\ANNA\note.txt`: "hello", `1:\Users\anna\note.txt`: "hello", `d:\docs\a.txt`: "data", `2:\Docs\a.txt`: "data"} {
		if b, err := s.ReadFile(path, 100); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	if _, err := s.ReadFile(`C:\Users\anna\note.txt`, 4); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), `C:\Users\anna\note.txt`) {
		t.Errorf("a file that is too large gives %v", err)
	}
	if _, err := s.ReadFile(`C:\Users\bob`, 4); !errors.Is(err, volumes.ErrNotFound) {
		t.Errorf("a file that is missing gives %v", err)
	}
	if _, err := s.ReadFile(`C:\Users`, 4); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder gives %v", err)
	}
	if _, _, err := s.Resolve(`E:\x`); err == nil || errors.Is(err, volumes.ErrNotFound) {
		t.Errorf("a missing volume gives %v", err)
	}
	if h, err := s.Hive(s.Config("software")); err != nil || h == nil {
		t.Error(err)
	}
	if _, err := s.Hive(`C:\Windows\x.ini`); err == nil || !strings.HasPrefix(err.Error(), `C:\Windows\x.ini: `) {
		t.Errorf("what is no hive gives %v", err)
	}
	v, e, err := s.Resolve(`D:\Docs`)
	if err != nil || v.Number != 2 {
		t.Fatal(v, err)
	}
	fs, _ := v.FS()
	if got := s.Path(v, fs.Name(e)); got != `D:\Docs` {
		t.Error(got)
	}
}

// A disk with more folders than are looked into says so.
func TestFindBudget(t *testing.T) {
	files := map[string][]byte{"zz/Windows/x": nil}
	for i := range 5 {
		files[fmt.Sprintf("d%d/sub/x", i)] = nil
	}
	eleven().install(files, "zz/Windows")
	v := openSet(t, tree(t, files)).Volumes[0]
	for _, tt := range []struct{ max, found, problems int }{{12, 1, 0}, {11, 0, 1}, {3, 0, 1}} {
		found, problems := candidates(v, tt.max)
		if len(found) != tt.found || len(problems) != tt.problems {
			t.Errorf("of %d folders: %v, %v", tt.max, found, problems)
		}
	}
}
