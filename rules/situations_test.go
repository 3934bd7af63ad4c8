package rules

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/migxml"
)

// labFiles are those of the "object" lines of testdata/precedence.txt.
var labFiles = [][3]string{
	{"f1", `C:\Lab`, "a.txt"}, {"f2", `C:\Lab`, "b.dat"}, {"f3", `C:\Lab\Sub`, "c.txt"}, {"f4", `C:\Lab\Sub`, "d.dat"},
	{"f5", `C:\Lab\Sub\Deep`, "e.txt"}, {"f6", `C:\Lab\Sub\Deep`, "g.mp3"}, {"f7", `C:\Other`, "h.txt"}, {"f8", `C:\Other\Lab`, "i.txt"},
	{"f9", `C:\`, "root.txt"}, {"f10", `D:\Lab`, "j.mp3"}, {"f11", `C:\Lab`, "[k].txt"},
}

// situation is a question of testdata/precedence.txt about what a capture
// takes.
type situation struct {
	rules   []string // files
	config  string   // Config.xml: what is in <Documents>
	drives  map[string][]string
	ctxs    []Context // nil for the system, ann and bob
	objects map[string]Object
	warning string
	once    bool // every taken file must be so by one rule of one context
}

var situations = func() map[string]situation {
	named := func(name, attrs, inner string) string {
		return `<component type="Documents" ` + attrs + `><displayName>` + name + `</displayName>` + role(inner) + `</component>`
	}
	inc := func(p ...string) string { return `<rules>` + include(p...) + `</rules>` }
	filter := func(call string, p string) string {
		return `<rules><include filter='MigXmlHelper.` + call + `'><objectSet><pattern type="File">` + p + `</pattern></objectSet></include></rules>`
	}
	off := func(name, migrate string) string {
		return `<component displayname="x" migrate="` + migrate + `" ID="urn:t0/` + name + `/data"/>`
	}
	mp3 := `<rules><include><objectSet><script>MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Fixed")</script></objectSet></include></rules>`
	lab := inc(`C:\Lab\* [*]`)
	missing := `<conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Nosuch")</condition></conditions>`
	at := func(s string) Object {
		d, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			panic(err)
		}
		return &thing{times: map[migxml.Property]time.Time{migxml.DateModified: d}}
	}
	late := at("2030-02-01 00:00")
	eve := user("eve")
	own := func(c Context, value string) Context {
		c.Env = vars{"OWN": value}
		return c
	}
	return map[string]situation{
		"Q1":  {rules: []string{named("a", "", lab) + named("b", "", inc(`C:\Lab\* [*.txt]`))}, config: off("a", "no")},
		"Q2":  {rules: []string{named("a", "", `<rules><unconditionalExclude><objectSet><pattern type="File">C:\* [*.txt]</pattern></objectSet></unconditionalExclude></rules>`) + named("b", "", lab)}, config: off("a", "no")},
		"Q3":  {rules: []string{named("a", "", lab)}, config: off("other", "yes")},
		"Q4":  {rules: []string{named("a", "", lab)}, config: `<component displayname="g" migrate="no" ID="group">` + off("a", "yes") + `</component>`},
		"Q5":  {rules: []string{named("a", "", lab)}, config: off("a", "no") + off("a", "yes")},
		"Q6":  {rules: []string{named("a", "", inc(`C:\Lab\ [a.txt]`)), named("b", "", inc(`C:\Other\* [*]`))}, warning: "urlid"},
		"Q7":  {rules: []string{named("a", `context="User"`, `<rules context="System">`+include(`C:\Lab\* [*]`)+`</rules>`)}},
		"Q8":  {rules: []string{named("a", "", lab)}, ctxs: []Context{system, ann, bob, eve}, once: true},
		"Q9":  {rules: []string{named("a", `context="System"`, inc(`%CSIDL_PERSONAL%\* [*]`))}, warning: "is not defined"},
		"Q10": {rules: []string{named("a", "", mp3)}, drives: map[string][]string{"Fixed": {"C:"}, "Removable": {"D:"}}},
		"Q11": {rules: []string{named("a", "", inc(`D:\Lab\* [*]`))}, drives: map[string][]string{"Fixed": {"C:"}, "Removable": {"D:"}}},
		"Q14": {rules: []string{named("a", "", mp3)}, drives: map[string][]string{"Fixed": {"C:"}, "CDROM": {"D:"}}},
		"Q15": {rules: []string{named("a", "", filter(`AnswerNo()`, `C:\Lab\* [*]`))}},
		"Q16": {rules: []string{named("a", "", filter(`NeverRestore()`, `C:\Lab\ [a.txt]`))}},
		"Q17": {rules: []string{named("a", "", filter(`FileProperties("filesize","gt","1MB")`, `C:\Lab\* [*.dat]`))},
			objects: map[string]Object{"f2": &thing{size: 1 << 20}, "f4": &thing{size: 1<<20 + 1}}},
		"Q18": {rules: []string{named("a", "", filter(`FileProperties("dateModified","range","2030/01/01-2030/01/31")`, `C:\Lab\* [*.txt]`))},
			objects: map[string]Object{"f1": at("2030-01-31 23:00"), "f3": late, "f5": late, "f11": late}},
		"Q19": {rules: []string{named("a", "", `<detection>`+missing+`</detection>`+lab)}},
		"Q21": {rules: []string{named("a", "", `<rules><include><objectSet><pattern type="File">C:\Lab\ [a.txt]</pattern></objectSet><objectSet>`+missing+`<pattern type="File">C:\Other\* [*]</pattern></objectSet></include></rules>`)}},
		"Q22": {rules: []string{named("a", "", inc(`%NOSUCH%\* [*]`))}, warning: "%NOSUCH% is not defined"},
		"Q23": {rules: []string{named("a", `context="User"`, inc(`%OWN%\* [*]`)) + named("b", `context="System"`, inc(`C:\Other\ [h.txt]`))}, ctxs: []Context{system, own(ann, `C:\Nowhere`)}},
		"Q24": {rules: []string{named("a", "", inc(`C:\Lab\ [a.txt]`)) + named("b", `context="User"`, inc(`C:\Lab\ [a.txt]`))}, once: true},
	}
}()

func askSituation(t *testing.T, fields []string) {
	if len(fields) < 4 {
		fields = append(fields, "")
	}
	id, where, want := fields[0], fields[1], strings.Fields(fields[3])
	switch where {
	case "restore":
		t.Skipf("%s is decided by a restore: needs the package that restores", id)
	case "plan": // by where the store lies: TestPlaceOfTheStore of package plan asks it
		return
	case "capture", "capture restore":
	default:
		t.Fatalf("nobody decides %q", where)
	}
	q, ok := situations[id]
	if !ok {
		t.Fatal("nothing asks this question")
	}
	var docs []*migxml.Document
	for i, body := range q.rules {
		d, _, err := migxml.Parse("t"+string(rune('0'+i)), []byte(`<migration urlid="urn:t0">`+body+`</migration>`))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	var opt Options
	if q.config != "" {
		cfg, _, err := migxml.ParseConfig("Config.xml", []byte(`<Configuration><Documents>`+q.config+`</Documents></Configuration>`))
		if err != nil {
			t.Fatal(err)
		}
		opt.Off = cfg.Off()
	}
	ctxs := q.ctxs
	if ctxs == nil {
		ctxs = []Context{system, ann, bob}
	}
	for i := range ctxs {
		drives := q.drives
		if drives == nil {
			drives = map[string][]string{"Fixed": {"C:", "D:"}}
		}
		ctxs[i].Probe = &machineProbe{source: source{drives: drives}}
	}
	set, ws, err := Compile(docs, ctxs, opt)
	if err != nil {
		t.Fatal(err)
	}
	if q.warning != "" && !strings.Contains(messages(ws), q.warning) {
		t.Errorf("no warning %q: %s", q.warning, messages(ws))
	}
	var got []string
	for _, f := range labFiles {
		d := set.decideOf("", File, strings.TrimSuffix(f[1], `\`), f[2], true, q.objects[f[0]])
		if d.Take {
			got = append(got, f[0])
		}
		if q.once {
			// One tree for all contexts: a walk meets a file once, and has one
			// answer.
			if again := set.decideOf(ann.Name, File, strings.TrimSuffix(f[1], `\`), f[2], true, nil); again != d {
				t.Errorf("%s: %+v, then %+v", f[0], d, again)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s\n got %v\nwant %v", fields[2], got, want)
	}
}
