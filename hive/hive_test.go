package hive_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

func open(tb testing.TB, b []byte) *hive.Hive {
	tb.Helper()
	h, err := hive.Open(b)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// names are the subkeys of k.
func names(k hive.Key) string {
	var out []string
	for s := range k.Subkeys() {
		out = append(out, s.Name())
	}
	return strings.Join(out, " ")
}

// wantProblem checks that a problem with that text is among those of h, and
// that nothing else is.
func wantProblem(t *testing.T, h *hive.Hive, texts ...string) {
	t.Helper()
	for _, p := range h.Problems() {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(p.What, s) }) {
			t.Errorf("unexpected problem: %v", p)
		}
	}
	for _, s := range texts {
		if !slices.ContainsFunc(h.Problems(), func(p hive.Problem) bool { return strings.Contains(p.What, s) }) {
			t.Errorf("no problem says %q: %v", s, h.Problems())
		}
	}
}

func TestSample(t *testing.T) {
	for _, opt := range []hivegen.Options{
		{},
		{Minor: 3},
		{Minor: 3, List: []string{"li"}, Leaf: 7},
		{List: []string{"lf", "li", "lh"}, Leaf: 3, Slack: 5000},
	} {
		h := open(t, sample(opt))
		root := h.Root()
		if _, minor := h.Version(); opt.Minor != 0 && minor != opt.Minor {
			t.Errorf("version 1.%d", minor)
		}
		if h.Dirty() || root.Path() != "" || root.Depth() != 0 || root.NumValues() != 14 || root.NumSubkeys() != 5 {
			t.Errorf("%v: %q, depth %d, %d values, %d subkeys", h.Dirty(), root.Path(), root.Depth(), root.NumValues(), root.NumSubkeys())
		}
		if h.LastWritten() != hivegen.DefaultTime || root.LastWrite() != hivegen.DefaultTime {
			t.Errorf("written %v, root %v", h.LastWritten(), root.LastWrite())
		}
		for _, tt := range []struct {
			name string
			typ  string
			data string
			text string
		}{
			{"", "REG_SZ", "d\x00e\x00f\x00a\x00u\x00l\x00t\x00\x00\x00", "default"},
			{"NUMBER", "REG_DWORD", "\x78\x56\x34\x12", "305419896"},
			{"Big", "REG_QWORD", "\x00\x00\x00\x00\x00\x01\x00\x00", "1099511627776"},
			{"BE", "REG_DWORD_BIG_ENDIAN", "\x00\x00\x01\x02", "258"},
			{"Short", "REG_BINARY", "abc", ""},
			{"Empty", "REG_BINARY", "", ""},
			{"Cell", "REG_BINARY", "12345", ""},
			{"db", "REG_BINARY", "db\x01\x00HELLO, this is not big data", ""},
			{"Odd type", "0xffff0012", "\x01", ""},
			{"wide", "REG_BINARY", "\x01\x02\x03\x04", ""},
		} {
			v, err := root.Value(tt.name)
			if err != nil {
				t.Error(err)
				continue
			}
			b, err := v.Data()
			if err != nil || string(b) != tt.data || v.Size() != len(tt.data) || hive.Type(v.Type()).String() != tt.typ || v.Text() != tt.text {
				t.Errorf("%q: %s %q, %d bytes, %q, %v", tt.name, hive.Type(v.Type()), b, v.Size(), v.Text(), err)
			}
		}
		for name, size := range map[string]int{"Large": 16344, "Huge": 40000} {
			v, err := root.Value(name)
			if err != nil {
				t.Fatal(err)
			}
			b, err := v.Data()
			if err != nil || len(b) != size {
				t.Fatalf("%s: %d bytes, %v", name, len(b), err)
			}
			for i := range b {
				if b[i] != byte(i*7) {
					t.Fatalf("%s: byte %d is %#x", name, i, b[i])
				}
			}
		}
		k, err := root.Key(`\software\\MICROSOFT\windows`)
		if err != nil || k.Path() != `Software\Microsoft\Windows` || k.Depth() != 3 {
			t.Fatalf("%q, %v", k.Path(), err)
		}
		if up, ok := k.Parent(); !ok || up.Name() != "Microsoft" {
			t.Errorf("parent %q, %v", up.Name(), ok)
		}
		if s, ok := k.String("X"); !ok || s != "y" {
			t.Errorf("x is %q, %v", s, ok)
		}
		if _, err := k.Key("nothing"); !errors.Is(err, hive.ErrNotFound) {
			t.Errorf("a key that is not there: %v", err)
		}
		if _, err := k.Value("nothing"); !errors.Is(err, hive.ErrNotFound) {
			t.Errorf("a value that is not there: %v", err)
		}
		k, err = root.Key("КЛЮЧ")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := k.Class(); c != "a class" || err != nil || k.LastWrite() != 132223104001234567 {
			t.Errorf("class %q, %v, written %v", c, err, k.LastWrite())
		}
		if sd, err := k.Security(); err != nil || !bytes.Equal(sd, hivegen.DefaultSecurity()) {
			t.Errorf("security %x, %v", sd, err)
		}
		k, err = root.Key("LONE\xed\xa0\xbd")
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := k.String("NAÏVE"); !ok || s != "é" {
			t.Errorf("%q, %v", s, ok)
		}
		k, _ = root.Key("link")
		if to, ok := k.Link(); !ok || to != `\Registry\Machine\Other` {
			t.Errorf("link to %q, %v", to, ok)
		}
		if to, ok := root.Link(); ok {
			t.Errorf("the root is a link to %q", to)
		}
		k, _ = root.Key("many")
		if got := strings.Count(names(k), "key"); got != 40 {
			t.Errorf("%d keys in the large list", got)
		}
		wantProblem(t, h)
	}
}

func TestNumbers(t *testing.T) {
	h := open(t, hivegen.Build(hivegen.K("R",
		hivegen.D("d", 7), hivegen.B("b", []byte{7, 0, 0, 0}), hivegen.Q("q", 7),
		hivegen.V("be", hive.TypeDWordBigEndian, []byte{0, 0, 0, 7}),
		hivegen.V("short", hive.TypeDWord, []byte{7, 0, 0}),
		hivegen.B("b8", []byte{7, 0, 0, 0, 0, 0, 0, 0}), hivegen.SZ("s", "7"),
	), hivegen.Options{}))
	for name, want := range map[string][2]bool{
		"d": {true, true}, "b": {true, true}, "be": {true, true}, "q": {false, true}, "b8": {false, true},
		"short": {}, "s": {}, "none": {},
	} {
		if n, ok := h.Root().DWord(name); ok != want[0] || ok && n != 7 {
			t.Errorf("DWord(%s) = %d, %v", name, n, ok)
		}
		if v, err := h.Root().Value(name); err == nil {
			if n, ok := v.Uint(); ok != want[1] || ok && n != 7 {
				t.Errorf("Uint of %s = %d, %v", name, n, ok)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for _, tt := range []struct {
		typ  uint32
		data string
		want []string
		text string
	}{
		{hive.TypeMultiString, "a\x00\x00\x00b\x00\x00\x00\x00\x00", []string{"a", "b"}, ""},
		{hive.TypeMultiString, "a\x00\x00\x00\x00\x00b\x00\x00\x00\x00\x00", []string{"a", "", "b"}, ""},
		{hive.TypeMultiString, "a\x00\x00\x00b\x00", []string{"a", "b"}, ""},
		{hive.TypeMultiString, "a\x00\x00\x00b\x00c", []string{"a", "b"}, ""},
		{hive.TypeMultiString, "\x00\x00", nil, ""},
		{hive.TypeMultiString, "", nil, ""},
		{hive.TypeString, "a\x00b\x00", []string{"ab"}, "ab"},
		{hive.TypeString, "a\x00\x00\x00b\x00", []string{"a"}, "a"},
		{hive.TypeExpandString, "a\x00b", []string{"a"}, "a"},
		{hive.TypeExpandString, "", []string{""}, ""},
		{hive.TypeBinary, "a\x00", nil, ""},
	} {
		h := open(t, hivegen.Build(hivegen.K("R", hivegen.V("v", tt.typ, []byte(tt.data))), hivegen.Options{}))
		v, err := h.Root().Value("v")
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Strings(); !slices.Equal(got, tt.want) {
			t.Errorf("%v %q: %q, want %q", hive.Type(tt.typ), tt.data, got, tt.want)
		}
		if got := v.Text(); got != tt.text {
			t.Errorf("%v %q: text %q, want %q", hive.Type(tt.typ), tt.data, got, tt.text)
		}
		s, ok := h.Root().String("v")
		if isString := tt.typ == hive.TypeString || tt.typ == hive.TypeExpandString; ok != isString || s != tt.text {
			t.Errorf("%v %q: String %q, %v", hive.Type(tt.typ), tt.data, s, ok)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	whole := sample(hivegen.Options{})
	patch := func(fn func(b []byte)) []byte {
		b := slices.Clone(whole)
		fn(b)
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"short", []byte("reg"), "ends before"},
		{"other", bytes.Repeat([]byte("MZ"), 4096), "no regf signature"},
		{"zeros", make([]byte, 8192), "all zeros"},
		{"base block gone", patch(func(b []byte) { clear(b[:4096]) }), "destroyed"},
		{"one sector", whole[:512], "before the first hive bin"},
		{"log", patch(func(b []byte) { b[28] = 6; hivegen.PutChecksum(b) }), "transaction log"},
		{"no bins", patch(func(b []byte) { b[0]++; b[0]--; clear(b[4096:]) }), "no root key"},
		{"no bins, bad checksum", patch(func(b []byte) { b[60]++; clear(b[4096:]) }), "no hive bin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hive.Open(tt.b)
			var fe *hive.FormatError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) || fe.Advice == "" {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
}

func TestBaseBlock(t *testing.T) {
	b := sample(hivegen.Options{Sequence1: 8, Sequence2: 7, FileName: `\??\C:\Users\a\ntuser.dat`})
	h := open(t, b)
	if p, s := h.Sequence(); !h.Dirty() || p != 8 || s != 7 || h.Name() != `\??\C:\Users\a\ntuser.dat` {
		t.Errorf("dirty %v, %d/%d, %q", h.Dirty(), p, s, h.Name())
	}
	want := tsv(t, h)

	// A wrong checksum: sizes, version and root are no longer believed.
	for _, field := range []struct{ at, v int }{{60, 1}, {40, 4096}, {40, 0x7ffff000}, {40, 0}, {36, 0x12345678}, {36, 8}, {24, 1}, {24, 99}, {28, 6}} {
		b := sample(hivegen.Options{})
		le.PutUint32(b[field.at:], uint32(field.v))
		h := open(t, b)
		if !h.Dirty() {
			t.Errorf("%v: a wrong checksum is not dirty", field)
		}
		if !slices.Equal(tsv(t, h), want) {
			t.Errorf("%v: other keys", field)
		}
		if h.ProblemCount() == 0 {
			t.Errorf("%v: no problem", field)
		}
	}
	// A root that only its flag tells.
	m := newImage()
	m.nk("first", none)
	root := m.nk("real root", none)
	m.put16(root, 2, 0x2c)
	m.root = 0x70000
	b = m.bytes()
	copy(b[4096+32+4:], "xx")
	h = open(t, b)
	if h.Root().Name() != "real root" {
		t.Errorf("root %q", h.Root().Name())
	}
	wantProblem(t, h, "the root key is not at")
}

// TestNT31 reads cells with the header of 8 bytes that Windows NT 3.1 wrote.
func TestNT31(t *testing.T) {
	for _, minor := range []uint32{0, 1, 5} {
		m := newImage()
		m.header, m.minor = 8, minor
		m.root = m.nk("root", none)
		a := m.nk("a\x00", m.root)
		m.put16(a, 2, 0) // names were UTF-16 only
		m.subkeys(m.root, m.list("li", a), 1)
		v := m.vk("v", hive.TypeBinary, 5, m.cell([]byte("12345")))
		m.values(a, v)
		h := open(t, m.bytes())
		k, err := h.Root().Key("A")
		if err != nil {
			t.Fatal(err)
		}
		val, err := k.Value("V")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := val.Data(); string(b) != "12345" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		wantProblem(t, h)
	}
}

func TestMixedLists(t *testing.T) {
	m := newImage()
	m.minor = 3
	m.root = m.nk("r", none)
	var k [6]uint32
	for i := range k {
		k[i] = m.nk(string(rune('a'+i)), m.root)
	}
	ri := m.list("ri", m.list("li", k[0], k[1]), m.list("lh", k[2]), m.list("lf", k[3], k[4]), m.list("li"), m.list("lh", k[5]))
	m.subkeys(m.root, ri, 6)
	h := open(t, m.bytes())
	if got := names(h.Root()); got != "a b c d e f" {
		t.Errorf("%q", got)
	}
	wantProblem(t, h)
}

// TestKinds reads the keys that are not like the others.
func TestKinds(t *testing.T) {
	for _, minor := range []uint32{5, 6} {
		m := newImage()
		m.minor = minor
		m.root = m.nk("root", none)
		var keys []uint32
		for i := range 4 {
			k := m.nk(fmt.Sprint("layer ", i), m.root)
			m.body(k)[13] = byte(i) | byte(i<<6&0x80) // 2 and 3 inherit the class
			keys = append(keys, k)
		}
		handle := m.nk("predefined", m.root)
		m.put16(handle, 2, 0x40|0x20)
		m.put32(handle, 36, 0x80000001)
		volatile := m.nk("volatile", m.root)
		m.put16(volatile, 2, 0x01|0x20)
		m.subkeys(m.root, m.list("li", append(keys, handle, volatile)...), 6)
		gone := m.vk("gone", 0, 0, none)
		m.put16(gone, 16, 3)
		m.values(m.root, gone, m.vk("here", 3, 0x80000001, 7))
		h := open(t, m.bytes())

		want := []hive.Layer{hive.LayerMerge, hive.LayerTombstone, hive.LayerSupersedeLocal, hive.LayerSupersedeTree, 0, 0}
		i := 0
		for k := range h.Root().Subkeys() {
			layer, inherit := want[i], i == 2 || i == 3
			if minor == 5 {
				layer, inherit = hive.LayerMerge, false
			}
			if k.Layer() != layer || k.InheritClass() != inherit {
				t.Errorf("1.%d %s: %v, inherits its class %v", minor, k.Name(), k.Layer(), k.InheritClass())
			}
			n, ok := k.Predefined()
			if ok != (k.Name() == "predefined") || ok && (n != 0x80000001 || k.NumValues() != 0) {
				t.Errorf("%s: predefined %#x %v, %d values", k.Name(), n, ok, k.NumValues())
			}
			if k.Volatile() != (k.Name() == "volatile") {
				t.Errorf("%s: volatile %v", k.Name(), k.Volatile())
			}
			i++
		}
		if i != 6 {
			t.Errorf("%d subkeys", i)
		}
		for v := range h.Root().Values() {
			if v.Tombstone() != (minor == 6 && v.Name() == "gone") {
				t.Errorf("1.%d %s: tombstone %v", minor, v.Name(), v.Tombstone())
			}
			if _, err := v.Data(); err != nil {
				t.Errorf("%s: %v", v.Name(), err)
			}
		}
		wantProblem(t, h)
	}
	if s := hive.LayerSupersedeTree.String(); s != "supersede-tree" {
		t.Error(s)
	}
}

// TestDamage has one wrong thing a row; everything else stays readable.
func TestDamage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		build   func(m *image, root, a, b uint32) // root has a and b by an lh list
		want    string                            // the subkeys of the root that are left
		problem []string
	}{
		{"an ri list of itself", func(m *image, root, a, b uint32) {
			ri := m.list("ri", 0)
			m.put32(ri, 4, ri)
			m.subkeys(root, ri, 2)
		}, "a b", []string{"this is no list of subkeys", "claims 2 subkeys, its list has 0", "in no list name the key as their parent, and are read below it: 2"}},
		{"an ri list below an ri list", func(m *image, root, a, b uint32) {
			m.subkeys(root, m.list("ri", m.list("ri", m.list("li", a)), m.list("li", b)), 2)
		}, "b a", []string{"this is no list of subkeys", "its list has 1", "read below it: 1"}},
		{"a count of 0xffffffff", func(m *image, root, a, b uint32) { m.put32(root, 20, none) },
			"a b", []string{"claims 4294967295 subkeys, its list has 2"}},
		{"a list that claims 65535", func(m *image, root, a, b uint32) {
			m.subkeys(root, m.list("lf", a, b), 2)
			m.put16(le.Uint32(m.body(root)[28:]), 2, 0xffff)
		}, "a b", []string{"claims 65535 entries, its cell has room for 2"}},
		{"a list that lies outside", func(m *image, root, a, b uint32) { m.put32(root, 28, 0x7ffffff8) },
			"a b", []string{"no cell can start here: a list of subkeys is left out", "its list has 0", "read below it: 2"}},
		{"a list that is no list", func(m *image, root, a, b uint32) { m.put32(root, 28, m.cell([]byte("zz"))) },
			"a b", []string{"this is no list of subkeys", "its list has 0", "read below it: 2"}},
		{"a list in a cell of four bytes", func(m *image, root, a, b uint32) {
			m.put32(root, 28, uint32(len(m.bins)))
			m.bins = append(m.bins, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0)
		}, "a b", []string{"this is no list of subkeys", "its list has 0", "read below it: 2"}},
		{"a key below itself", func(m *image, root, a, b uint32) { m.subkeys(root, m.list("lh", a, root, b), 3) },
			"a b", []string{"below itself"}},
		{"a free key", func(m *image, root, a, b uint32) {
			le.PutUint32(m.bins[a:], uint32(-int32(le.Uint32(m.bins[a:]))))
		}, "b", []string{"the cell is free: a subkey is left out"}},
		{"a key larger than its bin", func(m *image, root, a, b uint32) { le.PutUint32(m.bins[a:], 0x80000008) },
			"b", []string{"its bin has"}},
		{"a key of the smallest number", func(m *image, root, a, b uint32) { le.PutUint32(m.bins[a:], 0x80000000) },
			"b", []string{"the cell is free"}},
		{"a key in too small a cell", func(m *image, root, a, b uint32) { le.PutUint32(m.bins[a:], ^uint32(71)) },
			"b", []string{"this is no key node"}},
		{"an offset that is no multiple of eight", func(m *image, root, a, b uint32) { m.subkeys(root, m.list("li", a+4, b), 2) },
			"b", []string{"no cell can start here"}},
		{"a name past its cell", func(m *image, root, a, b uint32) { m.put16(a, 72, 0xffff) },
			"a\x00\x00\x00\x00\x00\x00\x00 b", []string{"the name has 65535 bytes, its cell 8"}},
		{"a UTF-16 name of one byte", func(m *image, root, a, b uint32) { m.put16(a, 2, 0) },
			" b", []string{"an odd number for UTF-16"}},
		{"another parent", func(m *image, root, a, b uint32) { m.put32(a, 16, b) },
			"a b", []string{"as its parent"}},
		{"in the list of another, and of its parent", func(m *image, root, a, b uint32) {
			m.put32(b, 16, a)
			m.subkeys(a, m.list("li", b), 1)
		}, "a", []string{"in that of its parent", "read there"}},
		{"a key cut out of the list", func(m *image, root, a, b uint32) { m.subkeys(root, m.list("li", a), 2) },
			"a b", []string{"claims 2 subkeys, its list has 1", "read below it: 1"}},
		{"a key cut out of the list and free", func(m *image, root, a, b uint32) {
			m.subkeys(root, m.list("li", a), 2)
			le.PutUint32(m.bins[b:], uint32(-int32(le.Uint32(m.bins[b:]))))
		}, "a", []string{"claims 2 subkeys, its list has 1"}},
		{"a lost key behind a broken chain of cells", func(m *image, root, a, b uint32) {
			m.cell(make([]byte, 12))
			le.PutUint32(m.bins[len(m.bins)-16:], 0x7fffffff)
			c := m.nk("c", root)
			m.subkeys(root, m.list("li", a, b, c+8), 3)
		}, "a b c", []string{"a subkey is left out", "read below it: 1"}},
		{"a lost key that is in the list of another", func(m *image, root, a, b uint32) {
			m.subkeys(root, m.list("li", b), 2)
			m.subkeys(b, m.list("li", a), 1)
		}, "b", []string{"claims 2 subkeys, its list has 1"}},
		{"a deleted key", func(m *image, root, a, b uint32) { m.subkeys(root, m.list("li", a), 1) },
			"a", nil},
		{"volatile subkeys", func(m *image, root, a, b uint32) {
			m.put32(root, 24, 5)
			m.put32(root, 32, 0x12345678)
		}, "a b", nil},
		{"a value list outside", func(m *image, root, a, b uint32) {
			m.put32(root, 36, 3)
			m.put32(root, 40, 0xfffffff0)
		}, "a b", []string{"a list of values is left out"}},
		{"a value list past its cell", func(m *image, root, a, b uint32) {
			m.values(root, m.vk("v", 3, 0x80000001, 7))
			m.put32(root, 36, none)
		}, "a b", []string{"list claims 2147483647 entries, its cell has room for 1"}},
		{"a value that is none", func(m *image, root, a, b uint32) { m.values(root, a, m.vk("v", 3, 0x80000001, 7)) },
			"a b", []string{"this is no value: a value is left out"}},
		{"a predefined handle", func(m *image, root, a, b uint32) {
			m.put16(root, 2, 0x40|0x20)
			m.put32(root, 36, 0x80000004)
			m.put32(root, 40, 0x80000004)
		}, "a b", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newImage()
			m.root = m.nk("root", none)
			a, b := m.nk("a", m.root), m.nk("b", m.root)
			m.subkeys(m.root, m.list("lh", a, b), 2)
			tt.build(m, m.root, a, b)
			h := open(t, m.bytes())
			if got := names(h.Root()); got != tt.want {
				t.Errorf("subkeys %q, want %q", got, tt.want)
			}
			for v := range h.Root().Values() {
				if v.Name() == "v" && v.Size() != 1 {
					t.Errorf("value of %d bytes", v.Size())
				}
			}
			if strings.Contains(tt.name, "value") && !strings.Contains(tt.name, "outside") {
				if _, err := h.Root().Value("v"); err != nil {
					t.Error(err)
				}
			}
			wantProblem(t, h, tt.problem...)
			if err := hive.Walk(h.Root(), func(hive.Key) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamagedData(t *testing.T) {
	seg := bytes.Repeat([]byte("0123456789abcdef"), 1200)[:16344+4]
	for _, tt := range []struct {
		name  string
		build func(m *image) (size, data uint32)
		want  int    // bytes that come out
		err   string // "" for none
	}{
		{"empty", func(m *image) (uint32, uint32) { return 0, none }, 0, ""},
		{"empty inline", func(m *image) (uint32, uint32) { return 0x80000000, 0 }, 0, ""},
		{"three inline", func(m *image) (uint32, uint32) { return 0x80000003, 0x333231 }, 3, ""},
		{"five inline", func(m *image) (uint32, uint32) { return 0x80000005, 0x333231 }, 4, "field of 4"},
		{"two in a cell", func(m *image) (uint32, uint32) { return 2, m.cell([]byte("12")) }, 2, ""},
		{"outside", func(m *image) (uint32, uint32) { return 8, 0x100000 }, 0, "no cell can start here"},
		{"past its cell", func(m *image) (uint32, uint32) { return 1000, m.cell([]byte("12345678")) }, 12, "has 1000 bytes, its cell 12"},
		{"the largest size", func(m *image) (uint32, uint32) { return 0x7fffffff, m.cell([]byte("12345678")) }, 12, "has 2147483647 bytes"},
		{"large in one cell", func(m *image) (uint32, uint32) { return 16348, m.cell(seg) }, 16348, ""},
		{"segments", func(m *image) (uint32, uint32) { return 16344 + 9, m.db(2, m.cell(seg), m.cell(seg[:12])) }, 16353, ""},
		{"a full last segment", func(m *image) (uint32, uint32) { return 2 * 16344, m.db(2, m.cell(seg), m.cell(seg)) }, 32688, ""},
		{"too many segments", func(m *image) (uint32, uint32) {
			return 16344 + 9, m.db(3, m.cell(seg), m.cell(seg), m.cell(seg))
		}, 16353, ""},
		{"a count past the list", func(m *image) (uint32, uint32) { return 16344 + 9, m.db(65535, m.cell(seg), m.cell(seg), m.cell(seg)) }, 16353, ""},
		{"too few segments", func(m *image) (uint32, uint32) { return 16344 + 9, m.db(1, m.cell(seg)) }, 16344, "its segments 16344"},
		{"no segments", func(m *image) (uint32, uint32) { m.cell(seg); return 16344 + 9, m.db(0) }, 0, "its segments 0"},
		{"a short segment", func(m *image) (uint32, uint32) {
			return 2*16344 + 1, m.db(3, m.cell(seg), m.cell(seg[:100]), m.cell(seg))
		}, 16344 + 100, "the segment has 16344 bytes, its cell 100"},
		{"a segment outside", func(m *image) (uint32, uint32) { return 16344 + 9, m.db(2, m.cell(seg), 0x999998) }, 16344, "no cell can start here"},
		{"a segment list outside", func(m *image) (uint32, uint32) {
			off := m.db(2, m.cell(seg), 0)
			m.put32(off, 4, none)
			return 16344 + 9, off
		}, 0, "no cell can start here"},
		{"more than the hive", func(m *image) (uint32, uint32) { return 0x7fffffff, m.db(2, m.cell(seg), m.cell(seg)) }, 0, "the hive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newImage()
			m.root = m.nk("root", none)
			size, data := tt.build(m)
			m.values(m.root, m.vk("v", 3, size, data))
			h := open(t, m.bytes())
			v, err := h.Root().Value("v")
			if err != nil {
				t.Fatal(err)
			}
			b, err := v.Data()
			if len(b) != tt.want {
				t.Errorf("%d bytes, want %d", len(b), tt.want)
			}
			var d *hive.DamageError
			if tt.err == "" && err != nil || tt.err != "" && (!errors.As(err, &d) || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			line, err2 := hive.AppendTSVValue(nil, "", v)
			if (err == nil) != (err2 == nil) || bytes.HasSuffix(line, []byte("\t-\n")) != (err != nil) {
				t.Errorf("line %q, %v", line, err2)
			}
		})
	}
}

// db appends a big-data record that claims n segments.
func (m *image) db(n int, segments ...uint32) uint32 {
	var list []byte
	for _, s := range segments {
		list = le.AppendUint32(list, s)
	}
	b := le.AppendUint16([]byte("db"), uint16(n))
	return m.cell(le.AppendUint32(b, m.cell(list)))
}

// TestDamagedBin destroys the header of a bin in the middle: what is in the
// other bins stays, and what is in this one where it can still be read.
func TestDamagedBin(t *testing.T) {
	root := hivegen.K("R")
	for i := range 2000 {
		root.Add(hivegen.K("key"+string(rune(0x4e00+i)), hivegen.SZ("v", strings.Repeat("x", 30))))
	}
	b := hivegen.Build(root, hivegen.Options{})
	at := 4096 * 20
	for string(b[at:at+4]) != "hbin" {
		at += 4096
	}
	clear(b[at : at+512])
	h := open(t, b)
	n := 0
	for range h.Root().Subkeys() {
		n++
	}
	if n < 1990 || n == 2000 {
		t.Errorf("%d keys are left of 2000", n)
	}
	if !slices.ContainsFunc(h.Problems(), func(p hive.Problem) bool {
		return p.Offset == int64(at) && strings.Contains(p.What, "no hive bin starts here")
	}) {
		t.Errorf("problems %v", h.Problems())
	}
}

func TestDepth(t *testing.T) {
	m := newImage()
	m.root = m.nk("0", none)
	up := m.root
	for range 600 {
		k := m.nk("k", up)
		m.subkeys(up, m.list("li", k), 1)
		up = k
	}
	h := open(t, m.bytes())
	deepest := 0
	err := hive.Walk(h.Root(), func(k hive.Key) error { deepest = max(deepest, k.Depth()); return nil })
	if err != nil || deepest != 512 {
		t.Errorf("depth %d, %v", deepest, err)
	}
	wantProblem(t, h, "512 levels deep")
}

// TestShared is a hive whose keys have two subkeys each that are one: 2^400
// paths.
func TestShared(t *testing.T) {
	m := newImage()
	m.root = m.nk("0", none)
	up := m.root
	for range 400 {
		k := m.nk("k", up)
		m.subkeys(up, m.list("li", k, k), 2)
		up = k
	}
	h := open(t, m.bytes())
	n := 0
	err := hive.Walk(h.Root(), func(k hive.Key) error { n++; return nil })
	if err != nil || n != 401 {
		t.Errorf("%d keys, %v", n, err)
	}
	if h.ProblemCount() != 400 || len(h.Problems()) != 100 {
		t.Errorf("%d problems, %d listed", h.ProblemCount(), len(h.Problems()))
	}
}

// TestBudget is a hive whose keys all have the same long lists: reading them
// for each key would take a quadratic time.
func TestBudget(t *testing.T) {
	m := newImage()
	m.root = m.nk("root", none)
	vk := m.vk("v", 3, 100000, m.cell(make([]byte, 100000)))
	vks := make([]uint32, 20000)
	for i := range vks {
		vks[i] = vk
	}
	m.values(m.root, vks...)
	list := le.Uint32(m.body(m.root)[40:])
	keys := make([]uint32, 2000)
	for i := range keys {
		keys[i] = m.nk("k", m.root)
		m.put32(keys[i], 36, 20000)
		m.put32(keys[i], 40, list)
	}
	m.subkeys(m.root, m.list("li", keys...), 2000)
	h := open(t, m.bytes())
	values := 0
	err := hive.Walk(h.Root(), func(k hive.Key) error {
		for v := range k.Values() {
			values++
			if _, err := v.Data(); err != nil && !errors.Is(err, hive.ErrBudget) {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, hive.ErrBudget) || values > 1e6 {
		t.Errorf("%d values, %v", values, err)
	}
}

func TestWalkSkip(t *testing.T) {
	h := open(t, sample(hivegen.Options{}))
	var got []string
	stop := errors.New("stop")
	err := hive.Walk(h.Root(), func(k hive.Key) error {
		got = append(got, k.Name())
		switch k.Name() {
		case "many":
			return hive.SkipKey
		case "Microsoft":
			return stop
		}
		return nil
	})
	if err != stop || !slices.Equal(got, []string{"ROOT", "Link", "lone\xed\xa0\xbd", "many", "Software", "Microsoft"}) {
		t.Errorf("%q, %v", got, err)
	}
	h = open(t, sample(hivegen.Options{}))
	if err := hive.Walk(h.Root(), func(hive.Key) error { return hive.SkipKey }); err != nil {
		t.Error(err)
	}
}

func TestTSV(t *testing.T) {
	h := open(t, hivegen.Build(hivegen.K("R",
		hivegen.V("a\tb\n\r\x00\x01\x7f\\\xed\xa0\x80é", 0x12, []byte("abc")),
		hivegen.K("x\ny", hivegen.K("z")),
	), hivegen.Options{}))
	want := []string{
		"K\t",
		"K\tx\\ny",
		"K\tx\\ny\\z",
		"V\t\ta\\x09b\\n\\r\\0\\x01\\x7f\\\xed\xa0\x80é\t0x12\t3\ta9993e364706816aba3e25717850c26c9cd0d89d",
	}
	if got := tsv(t, h); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestTruncated cuts a hive at every 512 bytes: what is left is read, and
// every value that comes without an error is right.
func TestTruncated(t *testing.T) {
	whole := sample(hivegen.Options{})
	full := map[string]string{}
	read := func(h *hive.Hive, fn func(id, data string)) {
		err := hive.Walk(h.Root(), func(k hive.Key) error {
			fn(k.Path(), "")
			if _, err := k.Class(); err != nil {
				return nil
			}
			for v := range k.Values() {
				if b, err := v.Data(); err == nil {
					fn(k.Path()+"\t"+v.Name(), string(b))
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	read(open(t, whole), func(id, data string) { full[id] = data })
	last := 0
	for n := 0; n <= len(whole); n += 512 {
		h, err := hive.Open(whole[:n:n])
		if err != nil {
			if n > 8192 {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		count := 0
		read(h, func(id, data string) {
			count++
			if want, ok := full[id]; !ok || want != data {
				t.Errorf("%d bytes: %q is not in the hive, or other data", n, id)
			}
		})
		if count < last {
			t.Errorf("%d bytes: %d keys and values, %d were in less", n, count, last)
		}
		last = count
		if n < len(whole) && h.ProblemCount() == 0 {
			t.Errorf("%d bytes: no problem", n)
		}
	}
	if last != len(full) {
		t.Errorf("%d keys and values in the whole hive, want %d", last, len(full))
	}
}

// use reads everything that a hive has to give.
func use(h *hive.Hive) (keys int) {
	h.Name()
	h.Version()
	_ = hive.Walk(h.Root(), func(k hive.Key) error {
		keys++
		path := k.Path()
		_, _ = k.Class()
		_, _ = k.Security()
		k.Link()
		_ = k.LastWrite().String()
		line := hive.AppendTSVKey(nil, path)
		for v := range k.Values() {
			line, _ = hive.AppendTSVValue(line[:0], path, v)
			v.Text()
			v.Strings()
			v.Uint()
		}
		return nil
	})
	_, _ = h.Root().Key(`Software\Microsoft\Windows`)
	_, _ = h.Root().Value("x")
	_ = wstr.IsUTF8(h.Root().Name())
	for _, p := range h.Problems() {
		_ = p.String()
	}
	return keys
}

// TestZeroKey: callers go on with the key of a look-up that failed.
func TestZeroKey(t *testing.T) {
	var k hive.Key
	for range k.Subkeys() {
		t.Error("a subkey")
	}
	for range k.Values() {
		t.Error("a value")
	}
	if _, err := k.Key(`a\b`); !errors.Is(err, hive.ErrNotFound) {
		t.Error(err)
	}
	if _, err := k.Value("a"); !errors.Is(err, hive.ErrNotFound) {
		t.Error(err)
	}
	if _, ok := k.String("a"); ok {
		t.Error("a string")
	}
	if _, ok := k.DWord("a"); ok {
		t.Error("a number")
	}
	class, err := k.Class()
	sd, err2 := k.Security()
	_, link := k.Link()
	_, predefined := k.Predefined()
	if class != "" || err != nil || sd != nil || err2 != nil || link || predefined || k.Layer() != hive.LayerMerge || k.InheritClass() ||
		k.Name() != "" || k.Path() != "" || k.NumValues() != 0 || k.NumSubkeys() != 0 || k.LastWrite() != 0 || k.Hive() != nil {
		t.Error("the zero key is not empty")
	}
	if err := hive.Walk(k, func(hive.Key) error { return nil }); err != nil {
		t.Error(err)
	}
}
