package offline

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

const softwarePath = "Windows/System32/config/SOFTWARE"

// standing is a Windows with its programs, and a user.
func standing(folder string) map[string][]byte {
	files := map[string][]byte{}
	eleven().install(files, folder)
	program := testimages.Program(0x8664, "10.0.22631.3593")
	for _, name := range []string{"System32/ntoskrnl.exe", "System32/ntdll.dll", "explorer.exe"} {
		files[folder+"/"+name] = program
	}
	at := strings.TrimSuffix(folder, filepath.Base(folder))
	files[at+"Users/anna/NTUSER.DAT"] = hivegen.Build(hivegen.K("ROOT", hivegen.K("Software")), hivegen.Options{})
	return files
}

// bare is standing without SYSTEM and SOFTWARE.
func bare(folder string) map[string][]byte {
	files := standing(folder)
	delete(files, folder+"/System32/config/SYSTEM")
	delete(files, folder+"/System32/config/SOFTWARE")
	files[folder+"/System32/config/SAM"] = nil
	return files
}

func TestDeadHives(t *testing.T) {
	headless := hivegen.Build(hivegen.K("ROOT", hivegen.K("MountedDevices")), hivegen.Options{})
	for _, tt := range []struct {
		name string
		dead map[string][]byte // nil for a file that is not there
		want string            // folder, product, version, computer, control set
		why  []string          // of SYSTEM and SOFTWARE
	}{
		{"SYSTEM is gone", map[string][]byte{systemPath: nil}, `C:\Windows|Windows 11 Pro|10.0.22631||0`, []string{"not found", ""}},
		{"SYSTEM is empty", map[string][]byte{systemPath: {}}, `C:\Windows|Windows 11 Pro|10.0.22631||0`, []string{"offset 0x0: the file is empty", ""}},
		{"SYSTEM is text", map[string][]byte{systemPath: []byte("<html>")}, `C:\Windows|Windows 11 Pro|10.0.22631||0`, []string{"offset 0x0: ", ""}},
		{"SYSTEM has no control set", map[string][]byte{systemPath: headless}, `C:\Windows|Windows 11 Pro|10.0.22631||0`, []string{"has no control set", ""}},
		{"SOFTWARE is gone", map[string][]byte{softwarePath: nil}, `C:\Windows|Windows 11|10.0.22631|COLD|1`, []string{"", "not found"}},
		{"SOFTWARE is zeros", map[string][]byte{softwarePath: make([]byte, 8192)}, `C:\Windows|Windows 11|10.0.22631|COLD|1`, []string{"", "offset 0x0: the base block is all zeros"}},
		{"SOFTWARE of something else", map[string][]byte{softwarePath: headless}, `C:\Windows|Windows 11|10.0.22631|COLD|1`, []string{"", "has no key Microsoft"}},
		{"both", map[string][]byte{systemPath: {}, softwarePath: make([]byte, 4096)}, `C:\Windows|Windows 11|10.0.22631||0`, []string{"offset 0x0: ", "offset 0x0: "}},
		{"neither file", map[string][]byte{systemPath: nil, softwarePath: nil, "Windows/System32/config/SAM": {}}, `C:\Windows|Windows 11|10.0.22631||0`, []string{"not found", "not found"}},
		{"and no kernel", map[string][]byte{systemPath: {}, softwarePath: {}, "Windows/System32/ntoskrnl.exe": nil}, `C:\Windows|Windows|.0||0`, []string{"offset 0x0: ", "offset 0x0: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := standing("Windows")
			for name, b := range tt.dead {
				if files[name] = b; b == nil {
					delete(files, name)
				}
			}
			s := findOne(t, files)
			if got := fmt.Sprintf("%s|%s|%s.%d|%s|%d", s.Dir, s.Product, s.Version, s.Build, s.ComputerName, s.ControlSet); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			for i, err := range []error{s.SystemError, s.SoftwareError} {
				st, ok := s.HiveState(s.Config(hiveNames[i]))
				p, _ := st.Tell()
				told := slices.Contains(s.Problems, p)
				if tt.why[i] == "" {
					if err != nil || !ok || st.Lost() || st.Unknown != "" {
						t.Errorf("%s: %v, %+v", hiveNames[i], err, st)
					}
					continue
				}
				var dead *DeadHiveError
				if !errors.As(err, &dead) || dead.Path != s.Config(hiveNames[i]) || !strings.HasPrefix(dead.Why, tt.why[i]) {
					t.Errorf("%s: %v, want %s", hiveNames[i], err, tt.why[i])
				}
				if !ok || !st.Lost() || st.Unknown == "" || !told || !strings.Contains(p.What, tt.why[i]) || !strings.Contains(p.What, "not known") {
					t.Errorf("%s: told %v: %s", hiveNames[i], told, p)
				}
				// What is unknown is no "not there".
				for _, path := range []string{hiveNames[i], hiveNames[i] + `\Microsoft\Windows NT`} {
					if k, err := s.HKLM(path); err == nil && k.Hive() == nil || errors.Is(err, hive.ErrNotFound) || err != nil && !errors.As(err, &dead) {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
			if _, err := s.Control("Control"); (err != nil) != (s.SystemError != nil) {
				t.Errorf("the control set: %v", err)
			}
			if s.Degraded() != (tt.why[0]+tt.why[1] != "") {
				t.Error("whether it is degraded is wrong")
			}
			if dir, _ := s.Env().Lookup("PROFILESFOLDER"); dir != `C:\Users` || s.Arch != "AMD64" && tt.name != "and no kernel" {
				t.Errorf("profiles in %s, %s", dir, s.Arch)
			}
		})
	}
}

// TestCopyOfDeadHive: with a copy nothing is unknown.
func TestCopyOfDeadHive(t *testing.T) {
	files := standing("Windows")
	files["Windows/System32/config/RegBack/SYSTEM"] = files[systemPath]
	files[systemPath] = nil
	s := findOne(t, files)
	if st, _ := s.HiveState(s.Config("SYSTEM")); s.Degraded() || st.Fallback != "RegBack" || st.Unknown != "" {
		t.Errorf("%v, %+v", s.SystemError, st)
	}
}

// TestNoSuchWindows: what is no Windows without its registry, or one that is
// not to be found.
func TestNoSuchWindows(t *testing.T) {
	join := func(all ...map[string][]byte) map[string][]byte {
		out := map[string][]byte{}
		for _, files := range all {
			maps.Copy(out, files)
		}
		return out
	}
	without := func(files map[string][]byte, names ...string) map[string][]byte {
		for _, name := range names {
			delete(files, name)
		}
		return files
	}
	dead := func(folder string) map[string][]byte {
		files := standing(folder)
		files[folder+"/System32/config/SYSTEM"] = nil
		return files
	}
	const one, none = `C:\Windows=Windows`, ``
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"bare, and no other", bare("Windows"), one},
		{"bare, in a folder of another name", bare("WINNT"), `C:\WINNT=WINNT`},
		{"bare, beside a whole one", join(standing("Windows"), bare("Copy")), one},
		{"dead, beside a whole one", join(standing("Windows"), dead("Broken")), `C:\Broken=Broken, C:\Windows=Windows`},
		{"one program is not enough", without(bare("Windows"), "Windows/System32/ntdll.dll", "Windows/explorer.exe"), none},
		{"programs that are empty", join(bare("Windows"), map[string][]byte{"Windows/System32/ntdll.dll": nil, "Windows/explorer.exe": nil}), none},
		{"no config", without(bare("Windows"), "Windows/System32/config/SAM"), none},
		{"a config of something else", join(without(bare("Windows"), "Windows/System32/config/SAM"), map[string][]byte{"Windows/System32/config/my.ini": nil}), none},
		{"what remains of the registry", join(without(bare("Windows"), "Windows/System32/config/SAM"), map[string][]byte{"Windows/System32/config/SYSTEM.LOG1": nil}), one},
		{"a file called config", join(without(bare("Windows"), "Windows/System32/config/SAM"), map[string][]byte{"Windows/System32/config": []byte("x")}), none},
		{"a backup one level below", join(bare("Backup/Windows")), none},
		{"a dead backup one level below", join(dead("Backup/Windows")), none},
		{"Windows.old", join(bare("Windows.old/Windows"), dead("Windows.old.000/Windows"), dead("$Windows.~BT")), none},
		{"WinPE", join(dead("Windows"), map[string][]byte{"Windows/System32/winpeshl.exe": []byte("MZ")}), none},
		{"a recovery environment", join(bare("Windows"), map[string][]byte{"Windows/System32/startnet.cmd": []byte("wpeinit")}), none},
		{"a folder of data", map[string][]byte{"Data/explorer.exe": []byte("MZ"), "Data/System32/config/SYSTEM": []byte("x"), "Data/letter.txt": []byte("x")}, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			systems, problems, err := Find(openSet(t, tree(t, tt.files)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			leftAlone := slices.ContainsFunc(problems, func(p Problem) bool { return p.Where == `1:\Copy` && strings.Contains(p.What, "left alone") })
			if leftAlone != (tt.name == "bare, beside a whole one") {
				t.Errorf("problems %v", problems)
			}
			var got []string
			for _, s := range systems {
				got = append(got, s.Name+"="+s.Root)
			}
			slices.Sort(got)
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("\n got %s\nwant %s", g, tt.want)
			}
		})
	}

	t.Run("the Windows folder itself", func(t *testing.T) {
		systems, _, err := Find(openSet(t, filepath.Join(tree(t, bare("Windows")), "Windows")), Options{})
		if err != nil || len(systems) != 1 || !systems[0].Degraded() {
			t.Errorf("%v, %v", systems, err)
		}
	})
	t.Run("a folder of Setup as the source", func(t *testing.T) {
		systems, _, err := Find(openSet(t, filepath.Join(tree(t, dead("Windows.old/Windows")), "Windows.old")), Options{})
		if err != nil || len(systems) != 0 {
			t.Errorf("%v, %v", systems, err)
		}
	})
	t.Run("at a place that is known", func(t *testing.T) {
		set := openSet(t, tree(t, dead("Windows.old/Windows")))
		if _, err := OpenAt(set, set.Volumes[0], `Windows.old\Windows`, Options{}); err == nil || !strings.Contains(err.Error(), `config\SYSTEM`) {
			t.Errorf("%v", err)
		}
	})
}

// TestLetterHints: the letter of the Windows when its registry does not tell.
func TestLetterHints(t *testing.T) {
	user := func(folders ...string) []byte {
		k := hivegen.K("ROOT")
		for i, f := range folders {
			k.At(shellFolders).Add(hivegen.SZ(fmt.Sprint(i), f))
		}
		return hivegen.Build(k, hivegen.Options{})
	}
	list := eleven()
	list.software = hivegen.K("ROOT")
	list.software.At(currentVersion).Add(hivegen.SZ("CurrentBuildNumber", "22631"))
	list.profileList(hivegen.K("S-1-5-21-1-2-3-1001", hivegen.SZ("ProfileImagePath", `E:\elsewhere`)), hivegen.K("S-1-5-21-1-2-3-1002", hivegen.SZ("ProfileImagePath", `F:\Users\anna`)))
	own := map[string][]byte{"Users/anna/NTUSER.DAT": user(`D:\Users\anna\Desktop`), "Users/anna/Desktop/x": nil}
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string
		said  map[byte]int
	}{
		{"what a person says", own, `E:\Windows by --map`, map[byte]int{'E': 1}},
		{"nothing", nil, `C:\Windows by assumed`, nil},
		{"the folders of a user", map[string][]byte{"Users/anna/NTUSER.DAT": user(`%USERPROFILE%\Desktop`, `E:\Data`, `D:\Users\anna\Desktop`), "Users/anna/Desktop/x": nil}, `D:\Windows by folders of anna`, nil},
		{"folders that are elsewhere", map[string][]byte{"Users/anna/NTUSER.DAT": user(`E:\Data`, `D:\Users\anna\gone`), "Data/x": nil}, `C:\Windows by assumed`, nil},
		{"the second user", map[string][]byte{"Users/anna/NTUSER.DAT": []byte("dead"), "Users/bob/NTUSER.DAT": user(`D:\Users\bob`)}, `D:\Windows by folders of bob`, nil},
		{"the list of the users", map[string][]byte{softwarePath: hivegen.Build(list.software, hivegen.Options{})}, `F:\Windows by ProfileList`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := standing("Windows")
			files[systemPath], files[softwarePath] = nil, nil
			maps.Copy(files, tt.files)
			systems, problems, err := Find(openSet(t, tree(t, files)), Options{Map: tt.said})
			if err != nil || len(systems) != 1 || len(problems) > 0 {
				t.Fatalf("%v, %v, %v", systems, problems, err)
			}
			s := systems[0]
			if s.Conflict != "" {
				t.Error(s.Conflict)
			}
			if got := s.Dir + " by " + s.Drives[0].How; got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			p, _ := s.HiveState(s.Config("SYSTEM"))
			if !strings.Contains(p.Unknown, s.Dir[:2]) {
				t.Errorf("the letter is not told: %s", p.Unknown)
			}
		})
	}
}

// TestOldFolders: without a version the folders tell where profiles are.
func TestOldFolders(t *testing.T) {
	files := standing("WINDOWS")
	for _, name := range []string{"System32/config/SYSTEM", "System32/config/SOFTWARE"} {
		files["WINDOWS/"+name] = nil
	}
	files["WINDOWS/System32/ntoskrnl.exe"] = []byte("MZ of which nothing is left")
	delete(files, "Users/anna/NTUSER.DAT")
	files["Documents and Settings/anna/NTUSER.DAT"] = nil
	s := findOne(t, files)
	if dir, _ := s.Env().Lookup("PROFILESFOLDER"); !s.XP() || dir != `C:\Documents and Settings` {
		t.Errorf("profiles in %s", dir)
	}
}

// checkDead compares a machine of which registry files are dead with its literal.
func checkDead(t *testing.T, s *System, in testimages.Installation) {
	t.Helper()
	for i, err := range []error{s.SystemError, s.SoftwareError} {
		if (err != nil) != (in.Dead[hiveNames[i]] != nil) {
			t.Errorf("%s: %v", hiveNames[i], err)
		}
	}
	product, computer := in.Edition.Name, in.Computer
	if s.SoftwareError != nil {
		product = product[:strings.LastIndexByte(product, ' ')]
	}
	if s.SystemError != nil {
		computer = ""
	}
	major, _, _ := strings.Cut(s.Version, ".")
	if s.Product != product || s.ComputerName != computer || s.Build != in.Edition.Build || s.Arch != in.Arch || s.Dir != in.Dir || s.XP() != (major == "5") {
		t.Errorf("%s %s, build %d, %s, %s, computer %q", s.Product, s.Version, s.Build, s.Arch, s.Dir, s.ComputerName)
	}
	letters := map[string]int{}
	for _, d := range s.Drives {
		letters[string(rune(d.Letter))+":"] = d.Volume.Number
	}
	if !maps.Equal(letters, in.Letters) {
		t.Errorf("drives %v, want %v", letters, in.Letters)
	}
	unlettered := 0
	for _, v := range s.Unlettered() {
		unlettered++
		if v.Number != 4 {
			t.Errorf("volume %d may be a drive", v.Number)
		}
	}
	if want := s.SystemError != nil && len(s.set.Volumes) > 3; want != (unlettered == 1) {
		t.Errorf("%d volumes may be drives", unlettered)
	}
	if len(s.Problems) != len(in.Dead) {
		t.Errorf("%v", s.Problems)
	}
}
