package builtin

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules"
)

type vars map[string]string

func (v vars) Lookup(name string) (string, bool) {
	s, ok := v[strings.ToUpper(name)]
	return s, ok
}

type drives struct{}

// Exists says that every folder is there.
func (drives) Exists(kind rules.Kind, _, _ string, hasLeaf bool) bool {
	return kind == rules.File && !hasLeaf
}
func (drives) Drives(kind string) []string {
	if kind == "Fixed" {
		return []string{"C:", "D:"}
	}
	return nil
}

// Text is of values that say where something is.
func (drives) Text(kind rules.Kind, node, leaf string) (string, bool) {
	s, ok := map[string]string{
		`HKCU\Software\Microsoft\OneDrive\Accounts\Personal [UserFolder]`: `D:\Cloud of ann`,
		`HKCU\Software\Microsoft\Office\16.0\Common\General [Signatures]`: "Grüße",
	}[node+" ["+leaf+"]"]
	return s, ok
}

// Find finds nothing: values that name files are for the test of a whole machine.
func (drives) Find(rules.Kind, string, string, bool, func(string, string) bool) {}

func (drives) Native64Bit() bool { return true }
func (drives) Version() string   { return "10.0.19045." }

var machine = vars{
	"SYSTEMDRIVE": "C:", "WINDIR": `C:\Windows`, "PROFILESFOLDER": `C:\Users`,
	"CSIDL_COMMON_DESKTOPDIRECTORY": `C:\Users\Public\Desktop`,
	"CSIDL_COMMON_DOCUMENTS":        `C:\Users\Public\Documents`,
	"CSIDL_COMMON_FAVORITES":        `C:\Users\Public\Favorites`,
	"CSIDL_COMMON_MUSIC":            `C:\Users\Public\Music`,
	"CSIDL_COMMON_PICTURES":         `C:\Users\Public\Pictures`,
	"CSIDL_COMMON_VIDEO":            `C:\Users\Public\Videos`,
	"FOLDERID_PUBLICDOWNLOADS":      `C:\Users\Public\Downloads`,
	"PUBLIC":                        `C:\Users\Public`,
	"CSIDL_PROGRAM_FILES":           `C:\Program Files`,
	"CSIDL_COMMON_APPDATA":          `C:\ProgramData`,
	"CSIDL_SYSTEM":                  `C:\Windows\System32`,
}

// person is a user whose documents are on another drive.
func person(name string) rules.Context {
	p := `C:\Users\` + name
	v := vars{
		"CSIDL_PROFILE": p, "USERPROFILE": p,
		"CSIDL_APPDATA": p + `\AppData\Roaming`, "CSIDL_LOCAL_APPDATA": p + `\AppData\Local`,
		"CSIDL_DESKTOPDIRECTORY": p + `\Desktop`, "CSIDL_PERSONAL": `D:\Docs ` + name,
		"FOLDERID_DOWNLOADS": p + `\Downloads`, "CSIDL_MYPICTURES": p + `\Pictures`,
		"CSIDL_MYMUSIC": p + `\Music`, "CSIDL_MYVIDEO": p + `\Videos`, "CSIDL_FAVORITES": p + `\Favorites`,
		"CSIDL_CONTACTS": p + `\Contacts`, "FOLDERID_LINKS": p + `\Links`, "FOLDERID_SAVEDGAMES": p + `\Saved Games`,
		"FOLDERID_SAVEDSEARCHES": p + `\Searches`, "FOLDERID_OBJECTS3D": p + `\3D Objects`,
		"CSIDL_INTERNET_CACHE": p + `\AppData\Local\Microsoft\Windows\INetCache`,
		"CSIDL_CDBURN_AREA":    p + `\AppData\Local\Microsoft\Windows\Burn\Burn`,
		"TEMP":                 p + `\AppData\Local\Temp`, "TMP": p + `\AppData\Local\Temp`,
	}
	for variable, folder := range map[string]string{
		"SENDTO": "SendTo", "COOKIES": "Cookies", "HISTORY": "History", "NETHOOD": "Network Shortcuts", "PRINTHOOD": "Printer Shortcuts",
		"RECENT": "Recent", "TEMPLATES": "Templates", "STARTMENU": "Start Menu",
	} {
		v["CSIDL_"+variable] = p + `\AppData\Roaming\Microsoft\Windows\` + folder
	}
	for k, s := range machine {
		v[k] = s
	}
	return rules.Context{Name: "S-1-5-21-1-2-3-" + name, User: true, Env: v, Probe: drives{}}
}

// TestSets compiles every set and asks about a list of paths.
func TestSets(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			data, err := File(name)
			if err != nil {
				t.Fatal(err)
			}
			doc, warnings, err := migxml.Parse("builtin:"+name, data)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			for _, c := range doc.Components {
				about := c.About()
				kind, _, _ := strings.Cut(c.Description, ":")
				if c.DisplayName == "" || about.Takes == "" || about.Kind != kind {
					t.Errorf("%s: displayName %q, description %q", c.Pos, c.DisplayName, c.Description)
				}
				if utf8.RuneCountInString(c.DisplayName) > 34 {
					t.Errorf("%s: the name %q is too long for a table", c.Pos, c.DisplayName)
				}
			}
			ann := person("ann")
			ctxs := []rules.Context{{Name: "System", Env: machine, Probe: drives{}}, ann}
			if name == "documents" {
				ctxs = append(ctxs, person("dora"))
			} else if name == "anywhere" {
				eve := person("eve")
				eve.Env.(vars)["CSIDL_PROFILE"] = `D:\Profiles\eve`
				ctxs = append(ctxs, eve)
			} else if name == "browsers" {
				ctxs = append(ctxs, person("bob"))
			}
			set, warnings, err := rules.Compile([]*migxml.Document{doc}, ctxs, rules.Options{})
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			table, err := os.ReadFile("testdata/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			taken, left := 0, 0
			for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
				if line[0] == '#' {
					continue
				}
				want := line[0] == '+'
				if want {
					taken++
				} else {
					left++
				}
				d := decide(set, ann.Name, line[2:])
				if d.Take != want {
					r := set.Rule(d.Rule)
					t.Errorf("%s: taken is %t, by %s %q", line, d.Take, r.Pos, r.Text)
				}
			}
			if taken < 5 || left < 3 {
				t.Errorf("the table asks for %d that are taken and %d that are left", taken, left)
			}
		})
	}
}

func decide(set *rules.Set, ctx, path string) rules.Decision {
	root, rest, _ := strings.Cut(path, `\`)
	w, value, isValue := set.Files(root), "", false
	if root[0] == 'H' {
		w = set.Keys(ctx, root)
		if rest, value, isValue = strings.Cut(rest, " ["); isValue {
			value = strings.TrimSuffix(value, "]")
		}
	}
	names := strings.Split(rest, `\`)
	leaf := names[len(names)-1]
	if root[0] != 'H' {
		names = names[:len(names)-1]
	}
	for _, n := range names {
		w = w.Enter(n)
	}
	switch {
	case isValue:
		return w.Leaf(value)
	case root[0] == 'H' || leaf == "":
		return w.Self()
	}
	return w.Leaf(leaf)
}

func TestNames(t *testing.T) {
	names := Names()
	for _, want := range []string{"anywhere", "apps", "browsers", "documents", "keys", "machine", "mail", "office", "profile", "settings", "ssh"} {
		if !slices.Contains(names, want) {
			t.Errorf("no set %s in %v", want, names)
		}
	}
	if def := Default(); slices.Contains(def, "profile") || slices.Contains(def, "machine") || len(def) != len(names)-2 {
		t.Errorf("Default is %v", def)
	}
	if _, err := File("../builtin"); err == nil {
		t.Error("a file that is no set was found")
	}
	if _, err := File("nosuch"); err == nil || !strings.Contains(err.Error(), "documents") {
		t.Errorf("the error does not name the sets: %v", err)
	}
}
