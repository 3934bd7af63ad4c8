package winold

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

const (
	oldPC   = "S-1-5-21-1000000001-1000000002-1000000003"
	newPC   = "S-1-5-21-2000000001-2000000002-2000000003"
	corpSID = "S-1-5-21-3000000001-3000000002-3000000003-1604"
)

// files is a folder of the host: contents by name, with slashes between.
type files map[string][]byte

// write makes the folder.
func (f files) write(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, b := range f {
		path := filepath.Join(root, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			path += string(filepath.Separator)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// windows describes an installation. All believe to be C:\Windows.
type windows struct {
	product, build string
	installed      uint32
	setup          []any
	system         []any    // further keys of the hive
	profiles       string   // folder of the profiles; "" is C:\Users\
	sid            string   // of the machine
	local          []string // names of local accounts, RID 1001 and on
	domain         []string // names of folders of domain accounts: corpSID
}

// in puts the installation into the folder base, "" or with a slash at its
// end. Profiles are keys only.
func (w windows) in(f files, base string) files {
	software, system := hivegen.K("ROOT"), hivegen.K("ROOT")
	software.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10), hivegen.D("CurrentMinorVersionNumber", 0),
		hivegen.SZ("CurrentBuildNumber", w.build), hivegen.SZ("ProductName", w.product), hivegen.SZ("SystemRoot", `C:\Windows`), hivegen.SZ("InstallationType", "Client"), hivegen.D("InstallDate", w.installed))
	system.At("Select").Add(hivegen.D("Current", 1))
	system.At(`ControlSet001\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", "PC"))
	system.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"))
	system.Add(w.system...).At("Setup").Add(w.setup...)
	list := software.At(offline.ProfileList).Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`))
	if w.profiles == "" {
		w.profiles = `C:\Users\`
	}
	sam := &hivegen.SAM{MachineSID: w.sid}
	for i, name := range w.local {
		sam.Users = append(sam.Users, hivegen.User{RID: uint32(1001 + i), Name: name})
		list.At(fmt.Sprintf("%s-%d", w.sid, 1001+i)).Add(hivegen.ExpandSZ("ProfileImagePath", w.profiles+name))
	}
	for _, name := range w.domain {
		list.At(corpSID).Add(hivegen.ExpandSZ("ProfileImagePath", w.profiles+name))
	}
	config := base + "Windows/System32/config/"
	f[config+"SYSTEM"] = hivegen.Build(system, hivegen.Options{})
	f[config+"SOFTWARE"] = hivegen.Build(software, hivegen.Options{})
	if w.sid != "" {
		f[config+"SAM"] = sam.Hive()
	}
	return f
}

// ntuser is an NTUSER.DAT that can be read.
func ntuser() []byte { return hivegen.Build(hivegen.K("ROOT"), hivegen.Options{}) }

var (
	ten    = windows{product: "Windows 10 Pro", build: "19045", sid: oldPC}
	eleven = windows{product: "Windows 10 Pro", build: "22631", installed: 1700000000, sid: newPC}
)

// open finds what is in folders of the host.
func open(t *testing.T, paths ...string) ([]*offline.System, []*Old) {
	t.Helper()
	return openWith(t, offline.Options{}, paths...)
}

func openWith(t *testing.T, opt offline.Options, paths ...string) ([]*offline.System, []*Old) {
	t.Helper()
	systems, olds, problems := openAll(t, opt, paths...)
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	return systems, olds
}

func openAll(t *testing.T, opt offline.Options, paths ...string) ([]*offline.System, []*Old, []offline.Problem) {
	t.Helper()
	set, err := volumes.Open(paths, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	systems, problems, err := offline.Find(set, opt)
	if err != nil {
		t.Fatal(err)
	}
	olds, more := Find(set, systems, opt)
	return systems, olds, append(problems, more...)
}

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files files
		want  string // folder = name of its Windows (kind), sorted
	}{
		{"all spellings", ten.in(ten.in(ten.in(ten.in(eleven.in(files{}, ""), "Windows.old/"), "windows.OLD.000/"), "Windows.old(1)/"), "WINDOWS.OLD (1)/"),
			`C:\WINDOWS.OLD (1)=C:\WINDOWS.OLD (1)\Windows C:\Windows.old(1)=C:\Windows.old(1)\Windows C:\Windows.old=C:\Windows.old\Windows C:\windows.OLD.000=C:\windows.OLD.000\Windows`},
		{"without the Windows that came after it", ten.in(files{}, "Windows.old/"), `1:\Windows.old=1:\Windows.old\Windows`},
		{"an upgrade of 7 that was broken off", ten.in(ten.in(eleven.in(files{}, ""), "$WINDOWS.~Q/DATA/"), "$INPLACE.~TR/$Machine/DATA/"),
			`C:\$INPLACE.~TR\$Machine\DATA=C:\$INPLACE.~TR\$Machine\DATA\Windows (unfinished upgrade) C:\$WINDOWS.~Q\DATA=C:\$WINDOWS.~Q\DATA\Windows (unfinished upgrade)`},
		{"an upgrade that failed", ten.in(eleven.in(files{"$Windows.~BT/Sources/Panther/setupact.log": nil, "$WINDOWS.~WS/Sources/x": nil}, ""), "$Windows.~BT/NewOS/"),
			`C:\$Windows.~BT\NewOS=C:\$Windows.~BT\NewOS\Windows (failed upgrade)`},
		{"working folders of Setup", eleven.in(files{"$Windows.~BT/Sources/Panther/setupact.log": nil, "$WINDOWS.~Q/x": nil, "$GetCurrent/x": nil}, ""), ``},
		{"after Disk Cleanup", eleven.in(files{"Windows.old/Users/anna/letter.txt": []byte("x"), "Windows.old/Windows/x.ini": nil, "Windows.old.000/": nil}, ""), `C:\Windows.old=` + noRegistry},
		{"after Disk Cleanup, without users", eleven.in(files{"Windows.old/ProgramData/x/y": nil, "Windows.old.000/Users/": nil, "$WINDOWS.~Q/DATA/ProgramData/x": nil}, ""), `C:\Windows.old=` + noRegistry},
		{"an upgrade that lost its registry", eleven.in(files{"$WINDOWS.~Q/DATA/Users/anna/x": nil}, ""), `C:\$WINDOWS.~Q\DATA=` + noRegistry + ` (unfinished upgrade)`},
		{"a registry that is none", eleven.in(files{"Windows.old/Windows/System32/config/SYSTEM": []byte("x")}, ""), `C:\Windows.old=its registry cannot be used`},
		{"in a backup", ten.in(files{"x/y/Windows.old/Windows/System32/config/SYSTEM": nil}, "Backup/Windows.old/"), `1:\Backup\Windows.old=1:\Backup\Windows.old\Windows`},
		{"other names", ten.in(eleven.in(files{"Windows.older.txt": nil}, ""), "MyWindows.old/"), ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			systems, olds := open(t, tt.files.write(t))
			var got []string
			for _, o := range olds {
				gone, _, _ := strings.Cut(o.Gone, ": ")
				s := o.Folder + "=" + gone
				if o.System != nil {
					s += o.System.Name
				}
				if o.Kind != WindowsOld {
					s += " (" + string(o.Kind) + ")"
				}
				got = append(got, s)
				if len(systems) == 1 && (o.Live != systems[0] || o.LiveName != `C:\Windows` || o.LiveProduct != "Windows 11 Pro") {
					t.Errorf("%s: live is %v, %s, %s", o.Folder, o.Live, o.LiveName, o.LiveProduct)
				}
			}
			slices.Sort(got)
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("\n got %s\nwant %s", g, tt.want)
			}
		})
	}
}

// A Windows.old that was put into another folder belongs to no Windows.
func TestFindInBackup(t *testing.T) {
	w, n := ten, eleven
	w.local, n.local = []string{"anna"}, []string{"anna"}
	_, olds := open(t, w.in(n.in(files{"Users/anna/a.txt": []byte("x")}, ""), "Backup/Windows.old/").write(t))
	if len(olds) != 1 || olds[0].Folder != `C:\Backup\Windows.old` || olds[0].Live != nil || !strings.Contains(olds[0].Reason, "no Windows removes it") {
		t.Fatal(olds)
	}
	if users, err := olds[0].JudgeAll(); err != nil || users[0].State != Skeleton || users[0].Live != "" {
		t.Error(users, err)
	}
}

// Two Windows with a Windows.old each call both the same.
func TestFindTwo(t *testing.T) {
	a, b := ten.in(eleven.in(files{}, ""), "Windows.old/").write(t), ten.in(eleven.in(files{}, ""), "Windows.old/").write(t)
	_, olds := open(t, a, b)
	if len(olds) != 2 || olds[0].Folder != `1:\Windows.old` || olds[1].System.Name != `2:\Windows.old\Windows` || olds[0].Live == olds[1].Live {
		t.Fatal(olds)
	}
}

// What the registry says is C:\ is the folder Windows.old.
func TestRerooted(t *testing.T) {
	w := ten
	w.local = []string{"anna"}
	f := w.in(eleven.in(files{}, ""), "Windows.old/")
	f["Windows.old/Users/anna/NTUSER.DAT"] = ntuser()
	f["Windows.old/Users/anna/Documents/letter.txt"] = []byte("old")
	f["Users/anna/Documents/letter.txt"] = []byte("live")
	_, olds := open(t, f.write(t))
	s := olds[0].System
	d := olds[0].Describe(time.Time{}, nil)
	if d.Windows != `C:\Windows.old\Windows` || d.Product != "Windows 10 Pro" || d.Version != "10.0.19045" {
		t.Errorf("%+v", d)
	}
	if s.Dir != `C:\Windows` || s.Product != "Windows 10 Pro" {
		t.Errorf("%s, %s", s.Dir, s.Product)
	}
	users, problems, err := profile.Users(s)
	if err != nil || len(users) != 1 || len(problems) != 0 {
		t.Fatal(users, problems, err)
	}
	u := users[0]
	if u.Dir != `C:\Users\anna` || !u.DirFound || u.HiveError != nil || u.Folders["Documents"].Path != `C:\Users\anna\Documents` {
		t.Errorf("%s, %v, %v, %v", u.Dir, u.DirFound, u.HiveError, u.Folders["Documents"])
	}
	for path, want := range map[string]string{`C:\Users\anna\Documents\letter.txt`: "old", `1:\Users\anna\Documents\letter.txt`: "live"} {
		if b, err := s.ReadFile(path, 10); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	for name, want := range map[string]string{"ProgramFiles(x86)": `C:\Program Files (x86)`, "ProgramData": `C:\ProgramData`, "CSIDL_WINDOWS": `C:\Windows`} {
		if got, _ := s.Env().Lookup(name); got != want {
			t.Errorf("%%%s%% is %s", name, got)
		}
	}
}

// The source may be the folder itself, or the Windows folder in it.
func TestGiven(t *testing.T) {
	w := ten
	w.local = []string{"anna", "bob"}
	n := eleven
	n.sid, n.local, n.setup = oldPC, []string{"anna"}, []any{hivegen.D("UninstallWindow", 30)}
	f := w.in(n.in(files{}, ""), "Windows.old/")
	f["Windows.old/Users/anna/NTUSER.DAT"] = ntuser()
	f["Windows.old/Users/bob/Documents/b.txt"] = []byte("b")
	f["Users/anna/Documents/a.txt"] = []byte("a")
	f["Users/anna/NTUSER.DAT"] = ntuser()
	root := f.write(t)
	for _, give := range []string{"Windows.old", "Windows.old/Windows"} {
		systems, olds := open(t, filepath.Join(root, filepath.FromSlash(give)))
		if len(systems) != 1 || len(olds) != 1 || olds[0].System != systems[0] || olds[0].Folder != filepath.Join(root, "Windows.old") {
			t.Fatalf("%s: %v, %v", give, systems, olds)
		}
		o := olds[0]
		if o.LiveName != root || o.LiveProduct != "Windows 11 Pro" || o.Live != nil || !strings.Contains(o.Reason, "30 days") {
			t.Errorf("%s: live is %s, %s; %s", give, o.LiveName, o.LiveProduct, o.Reason)
		}
		if live := Split(systems, olds); len(live) != 0 {
			t.Errorf("%s: %v is not an older one", give, live)
		}
		users, err := o.JudgeAll()
		if err != nil || len(users) != 2 || users[0].State != Moved || users[0].Live != `C:\Users\anna` || users[0].By != "SID" || users[1].State != Here {
			t.Errorf("%s: %+v, %v", give, users, err)
		}
		if s, _, err := Choose(systems, olds, `C:\Windows`); err != nil || s != systems[0] {
			t.Errorf("%s: %v, %v", give, s, err)
		}
	}
	// The registry of the Windows beside it cannot be read, as that of the one
	// that runs: the folders tell.
	delete(f, "Windows/System32/config/SYSTEM")
	_, olds := open(t, filepath.Join(f.write(t), "Windows.old"))
	users, err := olds[0].JudgeAll()
	if err != nil || users[0].State != Moved || users[0].By != "folder" || users[0].Live != `C:\Users\anna` || !strings.Contains(olds[0].Reason, "SYSTEM: not found") {
		t.Errorf("%+v, %v, %s", users, err, olds[0].Reason)
	}
	// A folder of that name without a registry.
	systems, olds := open(t, filepath.Join(files{"Windows.old(1)/Users/anna/x.txt": []byte("x")}.write(t), "Windows.old(1)"))
	if len(systems) != 0 || len(olds) != 1 || olds[0].Gone != noRegistry {
		t.Errorf("%v, %v", systems, olds)
	}
}

func TestJudge(t *testing.T) {
	file := []byte("x")
	for _, tt := range []struct {
		name     string
		old, new windows
		files    files
		want     string // states of the users, in order
		text     string // of the first
	}{
		{"upgraded", windows{local: []string{"anna"}}, windows{sid: oldPC, local: []string{"anna"}},
			files{"Windows.old/Users/anna/NTUSER.DAT": ntuser(), "Windows.old/Users/anna/AppData/Local/x": file, "Windows.old/Users/anna/Desktop/desktop.ini": file, "Users/anna/Documents/a.txt": file},
			`moved to C:\Users\anna by SID`, `anna's files were moved to C:\Users\anna of the Windows that is there now (the account is the same): capture that Windows for them; the old settings are still here`},
		{"upgraded, the folder went as a whole", windows{local: []string{"anna"}}, windows{sid: oldPC, local: []string{"anna"}},
			files{"Users/anna/Documents/a.txt": file}, `moved to C:\Users\anna by SID`, `for them`},
		{"upgraded, the user has a new folder", windows{domain: []string{"jdoe"}}, windows{domain: []string{"jdoe.CORP"}},
			files{"Windows.old/Users/jdoe/AppData/x": file, "Users/jdoe.CORP/a.txt": file}, `moved to C:\Users\jdoe.CORP by SID`, `capture that Windows for them`},
		{"new installation", windows{local: []string{"anna", "bob"}}, windows{local: []string{"bob"}},
			files{"Windows.old/Users/anna/NTUSER.DAT": ntuser(), "Windows.old/Users/anna/Desktop/a.txt": file, "Windows.old/Users/bob/notes.txt": file, "Users/bob/Documents/a.txt": file},
			`here, both at C:\Users\bob by name`, `anna's files are here`},
		{"new installation, files kept", windows{local: []string{"anna"}}, windows{},
			files{"Windows.old/Users/anna/NTUSER.DAT": ntuser(), "Windows.old/Users/anna/AppData/Roaming/x": file, "Users/anna/Documents/a.txt": file},
			`moved to C:\Users\anna by folder`, `the folder has the same path`},
		{"somebody else has the folder", windows{domain: []string{"anna"}}, windows{local: []string{"anna"}},
			files{"Windows.old/Users/anna/AppData/x": file, "Users/anna/Documents/a.txt": file}, `skeleton`, `of anna's profile only remains are here`},
		{"somebody else's files", windows{domain: []string{"anna"}}, windows{local: []string{"anna"}},
			files{"Windows.old/Users/anna/a.txt": file, "Users/anna/Documents/a.txt": file}, `here`, `anna's files are here`},
		{"an empty profile", windows{local: []string{"anna"}}, windows{},
			files{"Windows.old/Users/anna/NTUSER.DAT": ntuser(), "Windows.old/Users/anna/Desktop/desktop.ini": file, "Windows.old/Users/anna/Links/Desktop.lnk": file}, `here`, `has no files`},
		{"remains", windows{local: []string{"anna"}}, windows{sid: oldPC, local: []string{"anna"}},
			files{"Windows.old/Users/anna/AppData/Local/x": file, "Users/anna/AppData/Local/x": file}, `skeleton to C:\Users\anna by SID`, `only remains are here`},
		{"both dead", windows{local: []string{"anna"}}, windows{}, files{}, `skeleton`, `only remains`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, n := ten, eleven
			o.local, o.domain, n.local, n.domain = tt.old.local, tt.old.domain, tt.new.local, tt.new.domain
			if tt.new.sid != "" {
				n.sid = tt.new.sid
			}
			_, olds := open(t, o.in(n.in(tt.files, ""), "Windows.old/").write(t))
			users, _, err := profile.Users(olds[0].System)
			if err != nil {
				t.Fatal(err)
			}
			judged := olds[0].Judge(users)
			var got []string
			for i, j := range judged {
				s := string(j.State)
				if j.Live != "" {
					s += map[State]string{Both: " at "}[j.State]
					if j.State != Both {
						s += " to "
					}
					s += string(j.Live) + " by " + j.By
				}
				got = append(got, s)
				told := slices.ContainsFunc(users[i].Problems, func(p offline.Problem) bool { return p.What == j.Text })
				if told != (j.State != Here) || users[i].Has(FilesMoved) != (j.State == Moved) || users[i].Has(FilesElsewhere) != (j.State == Both) || users[i].Has(OnlyRemains) != (j.State == Skeleton) {
					t.Errorf("%s is %s, and its problems are %v", j.Name, j.State, users[i].Problems)
				}
			}
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("\n got %s\nwant %s", g, tt.want)
			}
			if !strings.Contains(judged[0].Text, tt.text) {
				t.Errorf("%q has no %q", judged[0].Text, tt.text)
			}
		})
	}
}

// Profiles on another drive stay where they are: both Windows use them.
func TestJudgeOtherDrive(t *testing.T) {
	o, n := ten, eleven
	o.profiles, o.local, n.local = `D:\Users\`, []string{"anna"}, []string{"anna"}
	data := files{"Users/anna/letter.txt": []byte("x"), "Users/anna/NTUSER.DAT": ntuser()}
	for _, tt := range []struct {
		live string // the profiles of the Windows that is there
		want string
	}{{`D:\Users\`, "here"}, {`C:\Users\`, `both C:\Users\anna`}, {`C:\People\`, `here`}} {
		n.profiles = tt.live
		f := o.in(n.in(files{"Users/anna/live.txt": []byte("x")}, ""), "Windows.old/")
		_, olds := openWith(t, offline.Options{Map: map[byte]int{'D': 2}}, f.write(t), data.write(t))
		users, err := olds[0].JudgeAll()
		if err != nil || len(users) != 1 {
			t.Fatal(users, err)
		}
		if got := strings.TrimSpace(string(users[0].State) + " " + string(users[0].Live)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.live, got, tt.want)
		}
	}
}

// A Windows that was copied into another folder is not the one that came
// after.
func TestFindBesideCopy(t *testing.T) {
	systems, olds := open(t, ten.in(eleven.in(files{}, "Copy/"), "Windows.old/").write(t))
	if len(systems) != 1 || len(olds) != 1 || olds[0].Live != nil || olds[0].Folder != `1:\Windows.old` || !strings.Contains(olds[0].Reason, "no Windows beside it") {
		t.Fatal(systems, olds)
	}
}

func TestLifetime(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2024, 5, d, 12, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name   string
		live   windows
		made   time.Time
		now    time.Time
		left   int
		known  bool
		reason string
		goBack string
	}{
		{"11", windows{build: "22631"}, day(1), day(5), 6, true, "10 days; the folder was made on 2024-05-01", ""},
		{"the last day", windows{build: "22631"}, day(1), day(10).Add(time.Hour), 0, true, "", ""},
		{"over", windows{build: "22631"}, day(1), day(13), -2, true, "", ""},
		{"UninstallWindow", windows{build: "19045", setup: []any{hivegen.D("UninstallWindow", 60), hivegen.D("UninstallActive", 1)}}, day(1), day(5), 56, true, "UninstallWindow in HKLM\\SYSTEM\\Setup says 60 days", "yes"},
		{"UninstallWindow of nonsense", windows{build: "19045", setup: []any{hivegen.D("UninstallWindow", 61), hivegen.D("UninstallActive", 0)}}, day(1), day(5), 6, true, "10 days", "no"},
		{"1511", windows{build: "10586"}, day(1), day(5), 26, true, "30 days", ""},
		{"8.1", windows{build: "9600", setup: []any{hivegen.D("UninstallWindow", 60)}}, day(1), day(5), 24, true, "28 days", ""},
		{"7", windows{build: "7601"}, day(1), day(5), 0, false, "until somebody runs Disk Cleanup", ""},
		{"installed after the folder was made", windows{build: "22631", installed: uint32(day(2).Unix())}, day(1), day(5), 6, true, "the folder was made on 2024-05-01", ""},
		{"a copy of the folder", windows{build: "22631", installed: uint32(day(2).Unix())}, day(20), day(5), 7, true, `C:\Windows was installed on 2024-05-02`, ""},
		{"no time of the folder", windows{build: "22631", installed: uint32(day(2).Unix())}, time.Time{}, day(5), 7, true, `C:\Windows was installed on 2024-05-02`, ""},
		{"no time at all", windows{build: "22631"}, time.Time{}, day(5), 0, false, "nothing tells since when", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.live.product = "Windows"
			_, olds := open(t, ten.in(tt.live.in(files{}, ""), "Windows.old/").write(t))
			o := &Old{System: olds[0].System, Live: olds[0].Live, Volume: olds[0].Volume, Kind: WindowsOld, Folder: olds[0].Folder, Made: tt.made}
			o.lifetime()
			left, known := o.DaysLeft(tt.now)
			if left != tt.left || known != tt.known || !strings.Contains(o.Reason, tt.reason) || o.GoBack != tt.goBack || o.Unfinished != "" {
				t.Errorf("%d, %v, %q, %q, %q", left, known, o.Reason, o.GoBack, o.Unfinished)
			}
			s := o.Describe(tt.now, nil)
			if got := strings.Contains(s.Left(), "do not boot the Windows that is there before the capture"); got != (known && left <= 0) {
				t.Error(s.Left())
			}
		})
	}
	// Setup that is not at its end, and a folder that it does not remove.
	n := eleven
	n.setup = []any{hivegen.D("SetupType", 1), hivegen.D("SystemSetupInProgress", 1)}
	_, olds := open(t, ten.in(n.in(files{}, ""), "$WINDOWS.~Q/DATA/").write(t))
	if o := olds[0]; !o.Until.IsZero() || !strings.Contains(o.Unfinished, "SystemSetupInProgress is 1, SetupType is 1") || !strings.Contains(o.Reason, "Disk Cleanup") {
		t.Errorf("%q, %q", o.Unfinished, o.Reason)
	}
	// The time of a folder of the host is that of the host.
	if _, olds := open(t, ten.in(eleven.in(files{}, ""), "Windows.old/").write(t)); !olds[0].Made.IsZero() && time.Since(olds[0].Made) > time.Hour {
		t.Errorf("made %v", olds[0].Made)
	}
}

func TestChoose(t *testing.T) {
	both := ten.in(ten.in(eleven.in(files{"Windows.old(1)/Users/x/y": nil}, ""), "Windows.old/"), "Windows.old.000/")
	one := ten.in(files{}, "Windows.old/")
	half := ten.in(files{"Windows/System32/config/SOFTWARE": []byte("x")}, "Windows.old/")
	several := ten.in(ten.in(files{}, "Windows.old/"), "Windows.old.000/")
	for _, tt := range []struct {
		files files
		name  string
		want  string // the root
		err   error
		say   string
	}{
		{both, ``, `Windows`, nil, ""},
		{both, `c:\windows`, `Windows`, nil, ""},
		{both, `C:\Windows.old`, `Windows.old\Windows`, nil, ""},
		{both, `C:/windows.OLD/windows/`, `Windows.old\Windows`, nil, ""},
		{both, `1:\Windows.old.000`, `Windows.old.000\Windows`, nil, ""},
		{both, `C:\Windows.old(1)`, ``, nil, `C:\Windows.old(1) holds no Windows that can be captured: its registry is gone`},
		{both, `C:\Winnt`, ``, offline.ErrNoWindows, `C:\Windows, C:\Windows.old\Windows, C:\Windows.old.000\Windows`},
		{one, ``, `Windows.old\Windows`, nil, ""},
		{one, `C:\Windows`, `Windows.old\Windows`, nil, ""},
		{one, `C:\Windows.old`, `Windows.old\Windows`, nil, ""},
		{half, ``, ``, nil, `the registry of 1:\Windows cannot be used, and 1:\Windows.old is an older Windows`},
		{half, `1:\Windows.old`, `Windows.old\Windows`, nil, ""},
		{several, ``, ``, offline.ErrSeveral, `1:\Windows.old\Windows, 1:\Windows.old.000\Windows; choose one with --windows`},
		{several, `C:\Windows`, ``, offline.ErrSeveral, `are called C:\Windows`},
		{several, `C:\Windows.old.000\Windows`, `Windows.old.000\Windows`, nil, ""},
		{files{"Windows.old/Users/x/y": nil}, `C:\Windows.old`, ``, nil, `1:\Windows.old holds no Windows that can be captured`},
		{files{"x": nil}, ``, ``, offline.ErrNoWindows, ""},
		{files{"x": nil}, `C:\Windows`, ``, offline.ErrNoWindows, "on the given sources"},
	} {
		systems, olds, _ := openAll(t, offline.Options{}, tt.files.write(t))
		s, o, err := Choose(systems, olds, tt.name)
		got := ""
		if s != nil {
			got = s.Root
		}
		if got != tt.want || (o != nil) != (got != "" && got != "Windows") || o != nil && o.System != s {
			t.Errorf("%q: %q, %v", tt.name, got, o)
		}
		if tt.want == "" && (err == nil || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.say)) || tt.want != "" && err != nil {
			t.Errorf("%q: %v", tt.name, err)
		}
	}
}

func TestSummary(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2024, 5, d, 0, 0, 0, 0, time.UTC) }
	old := Old{windows: `C:\Windows.old\Windows`, product: "Windows 10 Pro", version: "10.0.19045", Folder: `C:\Windows.old`, Kind: WindowsOld, LiveName: `C:\Windows`, LiveProduct: "Windows 11 Pro", Made: day(1), Until: day(11), Reason: "why", GoBack: "no",
		Problems: []offline.Problem{{What: "a problem"}}}
	users := []User{{Name: "anna", State: Here, Text: "anna is here"}, {Name: "bob", State: Moved, Text: "bob was moved"}}
	with := func(change func(o *Old)) *Old {
		o := old
		change(&o)
		return &o
	}
	for _, tt := range []struct {
		name  string
		o     *Old
		now   time.Time
		brief string
		lines []string
	}{
		{"days left", &old, day(3), `C:\Windows.old: Windows 10 Pro, 8 days left`,
			[]string{`C:\Windows.old: Windows 10 Pro, put aside by Setup on 2024-05-01`, `is removed in 8 days, on 2024-05-11 (why)`, `bob was moved`, `a problem`}},
		{"a day left", &old, day(10), `C:\Windows.old: Windows 10 Pro, 1 day left`,
			[]string{`C:\Windows.old: Windows 10 Pro, put aside by Setup on 2024-05-01`, `is removed in 1 day, on 2024-05-11 (why)`, `bob was moved`, `a problem`}},
		{"over", &old, day(12), `C:\Windows.old: Windows 10 Pro, may be removed at any time`,
			[]string{`C:\Windows.old: Windows 10 Pro, put aside by Setup on 2024-05-01`, `may be removed at any time: do not boot the Windows that is there before the capture (why)`, `bob was moved`, `a problem`}},
		{"unknown", with(func(o *Old) { o.Until, o.Problems = time.Time{}, nil }), day(12), `C:\Windows.old: Windows 10 Pro`,
			[]string{`C:\Windows.old: Windows 10 Pro, put aside by Setup on 2024-05-01`, `why`, `bob was moved`}},
		{"half an upgrade", with(func(o *Old) {
			o.Kind, o.Until, o.Problems, o.Unfinished = Upgrade, time.Time{}, nil, "Setup did not end"
		}), day(12), `C:\Windows.old: Windows 10 Pro, of an unfinished upgrade`,
			[]string{`C:\Windows.old: Windows 10 Pro, put aside by an upgrade that did not end`, `why`, `Setup did not end: what is in C:\Windows.old is likely the state to take`, `bob was moved`}},
		{"a failed upgrade", with(func(o *Old) {
			o.Kind, o.Until, o.Reason, o.Problems, o.Unfinished = NewOS, time.Time{}, "", nil, "Setup did not end"
		}), day(12), `C:\Windows.old: Windows 10 Pro, of a failed upgrade`,
			[]string{`C:\Windows.old: Windows 10 Pro, that a failed upgrade was to become`, `Setup did not end`, `bob was moved`}},
		{"no registry", with(func(o *Old) { o.windows, o.product, o.Gone, o.Problems = "", "", "gone", nil }), day(3), `C:\Windows.old: files without a registry, 8 days left`,
			[]string{`C:\Windows.old: files of an older Windows; gone`,
				`its files can be taken all the same: coldstate ls and extract show and copy C:\Windows.old, capture --include 'C:\Windows.old\* [*]' puts them into a store`,
				`is removed in 8 days, on 2024-05-11 (why)`, `bob was moved`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.o.Describe(tt.now, users)
			if got := d.Brief(); got != tt.brief {
				t.Errorf("brief:\n got %s\nwant %s", got, tt.brief)
			}
			if got := d.Lines(); !slices.Equal(got, tt.lines) {
				t.Errorf("lines:\n got %q\nwant %q", got, tt.lines)
			}
		})
	}
	d := old.Describe(day(3), users)
	b, err := json.Marshal(&d)
	const want = `{"folder":"C:\\Windows.old","windows":"C:\\Windows.old\\Windows","kind":"Windows.old","product":"Windows 10 Pro","version":"10.0.19045","live":"C:\\Windows","live_product":"Windows 11 Pro",` +
		`"made":"2024-05-01","removed":"2024-05-11","days_left":8,"reason":"why","can_go_back":"no",` +
		`"users":[{"id":"","name":"anna","state":"here","settings":false,"text":"anna is here"},{"id":"","name":"bob","state":"moved","settings":false,"text":"bob was moved"}],"problems":["a problem"]}`
	if err != nil || string(b) != want {
		t.Errorf("\n got %s\nwant %s", b, want)
	}
}

func TestHostKind(t *testing.T) {
	for _, tt := range []struct {
		path string
		kind Kind
		root string
	}{
		{"/mnt/w/Windows.old", WindowsOld, "/mnt/w"},
		{"/mnt/windows.old.000", WindowsOld, "/mnt"},
		{"/windows.old(1)", WindowsOld, "/"},
		{"/mnt/w/$Windows.~BT/NewOS", NewOS, "/mnt/w"},
		{"/mnt/w/$Windows.~BT", "", ""},
		{"/mnt/w/$Windows.~BT/Sources", "", ""},
		{"/mnt/w/$WINDOWS.~Q/DATA", Upgrade, "/mnt/w"},
		{"/mnt/w/$INPLACE.~TR/$Machine/DATA", Upgrade, "/mnt/w"},
		{"/mnt/w/Windows.old/Users", "", ""},
		{"/mnt/w", "", ""},
		{"/", "", ""},
	} {
		kind, root := hostKind(filepath.FromSlash(tt.path))
		if kind != tt.kind || root != filepath.FromSlash(tt.root) {
			t.Errorf("%s: %q in %q", tt.path, kind, root)
		}
	}
}

// Of two Windows on a volume the newer one is what came after.
func TestFindNewest(t *testing.T) {
	older := eleven
	older.installed -= 1000
	for _, second := range []windows{eleven, older} {
		first := older
		if second.installed == older.installed {
			first = eleven
		}
		f := ten.in(first.in(files{}, ""), "Windows.old/")
		for name, b := range second.in(files{}, "") {
			f[strings.Replace(name, "Windows", "Another", 1)] = b
		}
		_, olds := open(t, f.write(t))
		if len(olds) != 1 || olds[0].Live.InstallDate.Unix() != int64(eleven.installed) || olds[0].Folder != `C:\Windows.old` {
			t.Errorf("%+v", olds)
		}
	}
}

// A profile that is too large to look through is not said to be empty.
func TestHasFilesBudget(t *testing.T) {
	_, olds := open(t, ten.in(files{"Windows.old/Users/anna/desktop.ini": nil}, "Windows.old/").write(t))
	v, e, err := olds[0].System.Resolve(`C:\Users\anna`)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := v.FS()
	if err != nil {
		t.Fatal(err)
	}
	for seen, want := range map[int]bool{0: false, maxLook - 1: false, maxLook: true} {
		if got := hasFiles(fs, e, 0, &seen); got != want {
			t.Errorf("after %d entries: %t", seen, got)
		}
	}
}
