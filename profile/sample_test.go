package profile

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

// sample opens the sample disk.
func sample(t *testing.T) *offline.System {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(path); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func TestSampleDisk(t *testing.T) {
	sys := sample(t)
	users, problems, err := Users(sys)
	if err != nil || len(problems) != 0 {
		t.Fatal(err, problems)
	}
	want := map[string]string{
		"S-1-5-18":                  `NT AUTHORITY\SYSTEM service C:\Windows\system32\config\systemprofile -`,
		"S-1-5-19":                  `NT AUTHORITY\LOCAL SERVICE service C:\Windows\ServiceProfiles\LocalService -`,
		"S-1-5-20":                  `NT AUTHORITY\NETWORK SERVICE service C:\Windows\ServiceProfiles\NetworkService -`,
		testimages.AnnaSID:          `COLD-PC\anna microsoft C:\Users\anna hive classes`,
		testimages.BobSID:           `COLD-PC\Bob Smith local C:\Users\Bob Smith hive classes backup`,
		testimages.BobSID + ".temp": `COLD-PC\Bob Smith local C:\Users\TEMP hive temporary`,
		testimages.ZoeSID:           `COLD-PC\zoë local C:\Users\zoë -`,
		testimages.DomainSID:        `\jdoe.CORP domain C:\Users\jdoe.CORP hive`,
	}
	for _, u := range users {
		got := fmt.Sprintf(`%s\%s %s %s`, u.Domain, u.Name, u.Kind, u.Dir)
		if u.Hive == nil {
			got += " -"
		} else {
			got += " hive"
		}
		for flag, set := range map[string]bool{" classes": u.Classes != nil} {
			if set {
				got += flag
			}
		}
		if u.Backup {
			got += " backup"
		}
		if u.Temporary {
			got += " temporary"
		}
		if got != want[u.ID] {
			t.Errorf("%s\n got %s\nwant %s", u.ID, got, want[u.ID])
		}
		if !u.DirFound {
			t.Errorf("%s: no folder", u.ID)
		}
		delete(want, u.ID)
		if strings.Count(u.ID, "-") > 4 && u.Kind != Service {
			if u.LastUse.From != "ProfileList" {
				t.Errorf("%s: last use %v", u.ID, u.LastUse)
			}
			for _, name := range []string{"CSIDL_DESKTOP", "CSIDL_PERSONAL", "APPDATA"} {
				if v, ok := u.Env().Lookup(name); !ok || !strings.HasPrefix(v, u.Dir+`\`) {
					t.Errorf("%s: %%%s%% is %q", u.ID, name, v)
				}
			}
		}
	}
	for id := range want {
		t.Errorf("%s is not found", id)
	}
	for _, u := range users {
		if u.ID == testimages.AnnaSID {
			if u.FullName != "Anna Ünal" || u.UPN != "anna@example.com" || u.NameFrom != "SAM" || u.KeyName != u.SID || len(u.Problems) != 0 {
				t.Errorf("anna: %q %q %q %q %v", u.FullName, u.UPN, u.NameFrom, u.KeyName, u.Problems)
			}
			if v, _ := u.Env().Lookup("PROJECTS"); v != `C:\Data\Projekte` {
				t.Errorf("anna's variable PROJECTS is %q", v)
			}
			if k, err := u.HKCU(`Software\Classes\.md`); err != nil {
				t.Error(err)
			} else if s, _ := k.String(""); s != "markdown_auto_file" {
				t.Errorf("class of .md: %q", s)
			}
		}
		if u.ID == testimages.BobSID && u.KeyName != u.SID+".bak" {
			t.Errorf("bob's key is %s", u.KeyName)
		}
		if u.ID == testimages.ZoeSID && (u.HiveError == nil || !strings.Contains(fmt.Sprint(u.Problems), `C:\Users\zoë\NTUSER.DAT: cannot be used (offset 0x24: `)) {
			t.Errorf("zoë: %v %v", u.HiveError, u.Problems)
		}
	}
}

// A profile whose key is lost is known by its UsrClass.dat or by the owner of
// its files, and one that was moved is found through the junction.
func TestOwnerAndLinks(t *testing.T) {
	r := &reader{sys: sample(t), names: &names{}}
	for dir, want := range map[string][2]string{
		`C:\Users\anna`:      {testimages.AnnaSID, "UsrClass.dat"},
		`C:\Users\jdoe.CORP`: {testimages.DomainSID, "owner of NTUSER.DAT"},
		`C:\Users\zoë`:       {testimages.ZoeSID, "owner of NTUSER.DAT"},
		`C:\Users\Default`:   {"", ""}, // SYSTEM
		`C:\Users\nobody`:    {"", ""},
	} {
		if sid, from := r.owner(dir); sid != want[0] || from != want[1] {
			t.Errorf("%s belongs to %q by %q, want %q", dir, sid, from, want)
		}
	}
	u := &User{Dir: `C:\Documents and Settings\anna`}
	r.findDir(u, "")
	if !u.DirFound || u.Dir != `C:\Users\anna` {
		t.Errorf("found %v: %s %v", u.DirFound, u.Dir, u.Problems)
	}
	// The name that XP had for Documents is a junction.
	h, err := hive.Open(build(hivegen.Path(`ROOT\Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`,
		hivegen.ExpandSZ("Personal", `%USERPROFILE%\My Documents`))))
	if err != nil {
		t.Fatal(err)
	}
	env := r.variables(u, h)
	if got, _ := env.Lookup("CSIDL_PERSONAL"); got != `C:\Users\anna\Documents` || u.Folders["Documents"].From != "User Shell Folders" {
		t.Errorf("documents are in %s", got)
	}
}

// Whatever is broken on the disk, there is an answer and no panic.
func TestBrokenDisks(t *testing.T) {
	// How many installations are left, where it is not the one of the sample;
	// -1 for what is no disk at all.
	left := map[string]int{"cut in the table": 0, "no boot sector": 0, "no windows": 0, "two windows": 2,
		"empty": -1, "no partition table": -1, "text": -1, "zeros": -1}
	for _, name := range testimages.BrokenNames() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk.img")
			r, size := testimages.Broken(name)
			if err := testimages.WriteImage(path, r, size); err != nil {
				t.Fatal(err)
			}
			set, err := volumes.Open([]string{path}, volumes.Options{})
			want, special := left[name]
			if !special {
				want = 1
			}
			if want < 0 {
				if err == nil {
					t.Error("it is opened")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			systems, problems, err := offline.Find(set, offline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range systems {
				users, _, err := Users(s)
				if err != nil || len(users) < 3 {
					t.Errorf("%s: %d users, %v", s.Name, len(users), err)
				}
			}
			if len(systems) != want {
				t.Errorf("%d systems, want %d; problems %v", len(systems), want, problems)
			}
		})
	}
}
