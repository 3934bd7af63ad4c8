package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules/builtin"
)

// A folder of a made-up disk: 20 files in each.
type benchFolder struct {
	name    string
	folders []*benchFolder
	files   []string
}

func (f *benchFolder) sub(names ...string) *benchFolder {
	for _, n := range names {
		var next *benchFolder
		for _, c := range f.folders {
			if c.name == n {
				next = c
			}
		}
		if next == nil {
			next = &benchFolder{name: n}
			f.folders = append(f.folders, next)
		}
		f = next
	}
	return f
}

// fill puts n files into folders below f, three levels deep.
func (f *benchFolder) fill(r *rand.Rand, n int) {
	ext := []string{".txt", ".dat", ".docx", ".jpg", ".dll", ".tmp", ".pst", "", ".js", ".xml"}
	for i := 0; n > 0; i++ {
		g := f.sub(fmt.Sprintf("Folder %d", i%17), fmt.Sprintf("Inner_%d", i%91), fmt.Sprintf("{%08X}", r.Uint32()))
		for range min(n, 20) {
			g.files = append(g.files, fmt.Sprintf("file %x%s", r.Uint32(), ext[r.IntN(len(ext))]))
			n--
		}
	}
}

var benchUsers = []string{"ann", "bob", "carl"}

// benchDisk is a system disk with n files: half of them Windows and programs,
// the rest in three profiles, caches of browsers among them.
func benchDisk(n int) *benchFolder {
	r := rand.New(rand.NewPCG(1, 2))
	root := &benchFolder{}
	root.sub("Windows").fill(r, n*3/10)
	root.sub("Program Files").fill(r, n*2/10)
	for _, u := range benchUsers {
		p := root.sub("Users", u)
		p.sub("Documents").fill(r, n/12)
		p.sub("Pictures").fill(r, n/24)
		p.sub("AppData", "Local", "Google", "Chrome", "User Data", "Default").fill(r, n/50)
		p.sub("AppData", "Local", "Google", "Chrome", "User Data", "Default", "Cache").fill(r, n/50)
		p.sub("AppData", "Roaming", "Mozilla", "Firefox", "Profiles", "ab12.default").fill(r, n/50)
	}
	return root
}

func benchContexts() []Context {
	probe := &machineProbe{source: source{drives: map[string][]string{"Fixed": {"C:"}}}, version: "10.0.19045.", bits64: true}
	env := func(user string) vars {
		p := `C:\Users\` + user
		return vars{
			"WINDIR": `C:\Windows`, "PROFILESFOLDER": `C:\Users`, "CSIDL_PROFILE": p,
			"CSIDL_APPDATA": p + `\AppData\Roaming`, "CSIDL_LOCAL_APPDATA": p + `\AppData\Local`,
			"CSIDL_DESKTOPDIRECTORY": p + `\Desktop`, "CSIDL_PERSONAL": p + `\Documents`, "FOLDERID_DOWNLOADS": p + `\Downloads`,
			"CSIDL_MYPICTURES": p + `\Pictures`, "CSIDL_MYMUSIC": p + `\Music`, "CSIDL_MYVIDEO": p + `\Videos`,
			"CSIDL_FAVORITES": p + `\Favorites`, "CSIDL_CONTACTS": p + `\Contacts`, "FOLDERID_LINKS": p + `\Links`,
			"CSIDL_COMMON_DOCUMENTS": `C:\Users\Public\Documents`, "CSIDL_SENDTO": p + `\SendTo`,
		}
	}
	ctxs := []Context{{Name: "System", Env: vars{"WINDIR": `C:\Windows`, "PROFILESFOLDER": `C:\Users`}, Probe: probe}}
	for _, u := range benchUsers {
		ctxs = append(ctxs, Context{Name: u, User: true, Env: env(u), Probe: probe})
	}
	return ctxs
}

func builtinRules(b testing.TB) []*migxml.Document {
	var docs []*migxml.Document
	for _, name := range builtin.Default() {
		data, err := builtin.File(name)
		if err != nil {
			b.Fatal(err)
		}
		d, _, err := migxml.Parse(name, data)
		if err != nil {
			b.Fatal(err)
		}
		docs = append(docs, d)
	}
	return docs
}

func (f *benchFolder) walk(w *Walk) (taken, objects int) {
	objects = 1 + len(f.files)
	if w.Self().Take {
		taken++
	}
	for _, name := range f.files {
		if w.Leaf(name).Take {
			taken++
		}
	}
	for _, c := range f.folders {
		t, n := c.walk(w.Enter(c.name))
		taken += t
		objects += n
	}
	return taken, objects
}

func (f *benchFolder) plain(pats []compiled, path string) (taken, objects int) {
	objects = 1 + len(f.files)
	if plainDecide(pats, path, "", false, nil) {
		taken++
	}
	for _, name := range f.files {
		if plainDecide(pats, path, name, true, nil) {
			taken++
		}
	}
	for _, c := range f.folders {
		t, n := c.plain(pats, path+`\`+c.name)
		taken += t
		objects += n
	}
	return taken, objects
}

// BenchmarkWalk decides on a million files with the built-in rules for three
// users.
func BenchmarkWalk(b *testing.B) {
	disk := benchDisk(1_000_000)
	set := mustCompile(b, builtinRules(b), benchContexts()...)
	b.ReportAllocs()
	var taken, n int
	for b.Loop() {
		taken, n = disk.walk(set.Files("C:"))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/object")
	b.ReportMetric(float64(n), "objects")
	b.ReportMetric(float64(taken), "taken")
	b.ReportMetric(float64(len(set.files.pats)), "patterns")
}

// BenchmarkPlain tries every pattern on every path, for a thousand files.
func BenchmarkPlain(b *testing.B) {
	disk := benchDisk(1000)
	set := mustCompile(b, builtinRules(b), benchContexts()...)
	var n int
	for b.Loop() {
		_, n = disk.plain(set.files.pats, "C:")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/object")
}

func BenchmarkCompile(b *testing.B) {
	docs, ctxs := builtinRules(b), benchContexts()
	for b.Loop() {
		mustCompile(b, docs, ctxs...)
	}
}

// TestBuiltinAgainstPlain compares walk and plain rules on the made-up disk.
func TestBuiltinAgainstPlain(t *testing.T) {
	disk := benchDisk(600)
	set := mustCompile(t, builtinRules(t), benchContexts()...)
	got, n := disk.walk(set.Files("C:"))
	want, _ := disk.plain(set.files.pats, "C:")
	if got != want || got < n/5 || got > n*4/5 {
		t.Errorf("the walk takes %d of %d, the rules %d", got, n, want)
	}
}
