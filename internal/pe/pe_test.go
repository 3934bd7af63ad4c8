package pe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// block builds a block of a version resource. A text value has a NUL, and its
// length counts units.
func block(key string, text bool, value []byte, below ...[]byte) []byte {
	b := make([]byte, 6)
	for _, u := range append(utf16.Encode([]rune(key)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	pad := func() {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	pad()
	b = append(b, value...)
	for _, c := range below {
		pad()
		b = append(b, c...)
	}
	n := len(value)
	if text {
		n /= 2
		binary.LittleEndian.PutUint16(b[4:], 1)
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	binary.LittleEndian.PutUint16(b[2:], uint16(n))
	return b
}

func units(s string) []byte {
	var b []byte
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// fixed is VS_FIXEDFILEINFO of file version 10.0.19041.3636, product 10.0.19045.1.
func fixed() []byte {
	b := make([]byte, 52)
	for i, v := range []uint32{0xFEEF04BD, 0x10000, 10 << 16, 19041<<16 | 3636, 10 << 16, 19045<<16 | 1} {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func versionBlock() []byte {
	return block("VS_VERSION_INFO", false, fixed(),
		block("VarFileInfo", true, nil, block("Translation", false, []byte{9, 4, 0xb0, 4})),
		block("StringFileInfo", true, nil, block("040904B0", true, nil,
			block("CompanyName", true, units("Größe & Söhne")),
			block("Empty", true, nil),
			block("FileVersion", true, units("10.0.19041.3636 (WinBuild.160101.0800)")))))
}

// program builds a program with one section at 0x1000 that holds resource, a
// resource directory as makeResources builds it.
func program(machine uint16, wide bool, resource []byte) []byte {
	optional := 96 + 16*8
	magic := uint16(0x10B)
	if wide {
		optional, magic = 112+16*8, 0x20B
	}
	b := make([]byte, 0x400+len(resource))
	copy(b, "MZ")
	le.PutUint32(b[0x3C:], 0x80)
	copy(b[0x80:], "PE\x00\x00")
	le.PutUint16(b[0x84:], machine)
	le.PutUint16(b[0x86:], 2) // sections
	le.PutUint16(b[0x94:], uint16(optional))
	at := 0x98
	le.PutUint16(b[at:], magic)
	dirs := at + optional - 16*8
	le.PutUint32(b[dirs-4:], 16)
	if resource != nil {
		le.PutUint32(b[dirs+16:], 0x2000)
		le.PutUint32(b[dirs+20:], uint32(len(resource)))
	}
	section := b[at+optional:]
	copy(section, ".text")
	le.PutUint32(section[12:], 0x1000)
	section = section[40:]
	copy(section, ".rsrc")
	le.PutUint32(section[8:], uint32(len(resource)))
	le.PutUint32(section[12:], 0x2000)
	le.PutUint32(section[16:], uint32(len(resource)))
	le.PutUint32(section[20:], 0x400)
	copy(b[0x400:], resource)
	return b
}

// resources builds the directories of one resource of that kind, with a
// named kind before it, and of a second language.
func resources(kind uint32, data []byte) []byte {
	dir := func(named, ids uint16, entries ...uint32) []byte {
		b := make([]byte, 12)
		b = binary.LittleEndian.AppendUint16(b, named)
		b = binary.LittleEndian.AppendUint16(b, ids)
		for _, e := range entries {
			b = binary.LittleEndian.AppendUint32(b, e)
		}
		return b
	}
	const sub = 1 << 31
	var b []byte
	b = append(b, dir(1, 2, sub|0x200, sub|32+8, 3, sub|(32+8), kind, sub|(32+8))...) // 0, of 40 bytes
	b = append(b, dir(0, 1, 1, sub|(40+24))...)                                       // 40
	b = append(b, dir(0, 2, 0x409, 96, 0x407, 0x300)...)                              // 64, of 32 bytes
	entry := make([]byte, 16)                                                         // 96
	le.PutUint32(entry, 0x2000+112)
	le.PutUint32(entry[4:], uint32(len(data)))
	return append(append(b, entry...), data...)
}

func TestVersion(t *testing.T) {
	for _, wide := range []bool{false, true} {
		b := program(MachineAMD64, wide, resources(16, versionBlock()))
		v, err := Version(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if v.String() != "10.0.19041.3636" || v.ProductVersion() != "10.0.19045.1" {
			t.Errorf("%s, %s", v, v.ProductVersion())
		}
		if want := map[string]string{"CompanyName": "Größe & Söhne", "Empty": "", "FileVersion": "10.0.19041.3636 (WinBuild.160101.0800)"}; fmt.Sprint(v.Strings) != fmt.Sprint(want) {
			t.Errorf("%q", v.Strings)
		}
	}
}

func TestMachine(t *testing.T) {
	for _, m := range []uint16{MachineI386, MachineARMNT, MachineIA64, MachineAMD64, MachineARM64, 0x1234} {
		if got, err := Machine(bytes.NewReader(program(m, false, nil))); err != nil || got != m {
			t.Errorf("%#x, %v; want %#x", got, err, m)
		}
	}
}

// whole is a sound program of 64 bits with a version.
func whole() []byte { return program(MachineAMD64, true, resources(16, versionBlock())) }

var damaged = []struct {
	name string
	b    func() []byte
	want error // ErrNotPE, ErrNoVersion, nil for a *FormatError
}{
	{"empty", func() []byte { return nil }, ErrNotPE},
	{"text", func() []byte { return bytes.Repeat([]byte("hello "), 100) }, ErrNotPE},
	{"DOS program", func() []byte { b := whole(); copy(b[0x80:], "NE"); return b }, ErrNotPE},
	{"header far away", func() []byte { b := whole(); le.PutUint32(b[0x3C:], 0xFFFFFFF0); return b }, ErrNotPE},
	{"header behind the end", func() []byte { b := whole(); le.PutUint32(b[0x3C:], uint32(len(b)-8)); return b }, ErrNotPE},
	{"sections without end", func() []byte { b := whole(); le.PutUint16(b[0x86:], 0xFFFF); return b }, ErrNotPE},
	{"cut in the sections", func() []byte { return whole()[:0x180] }, ErrNotPE},
	{"cut in the resources", func() []byte { return whole()[:0x420] }, ErrNotPE},
	{"no resources", func() []byte { return program(MachineI386, false, nil) }, ErrNoVersion},
	{"no optional header", func() []byte { b := whole(); le.PutUint16(b[0x94:], 0); return b }, ErrNoVersion},
	{"other resources", func() []byte { return program(MachineI386, false, resources(6, versionBlock())) }, ErrNoVersion},
	{"resources in no section", func() []byte { b := whole(); le.PutUint32(b[0x98+112+16:], 0x7FFFFFFF); return b }, nil},
	{"a directory for data", func() []byte { b := whole(); le.PutUint32(b[0x400+64+16+4:], 1<<31|64); return b }, nil},
	{"a directory of 65,535 entries", func() []byte { b := whole(); le.PutUint16(b[0x400+12:], 0xFFFF); return b }, nil},
	{"data of 4 GB", func() []byte { b := whole(); le.PutUint32(b[0x400+96+4:], 0xFFFFFFFF); return b }, nil},
	{"no version in the version", func() []byte { return program(MachineI386, false, resources(16, make([]byte, 64))) }, nil},
}

func TestDamaged(t *testing.T) {
	for _, tt := range damaged {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.b()
			v, err := Version(bytes.NewReader(b), int64(len(b)))
			var fe *FormatError
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, &fe) {
				t.Errorf("%v, %v; want %v", v, err, tt.want)
			}
		})
	}
	// An error of the medium stays one.
	broken := errors.New("sector not found")
	if _, err := Version(failing{broken}, 1<<20); !errors.Is(err, broken) || errors.Is(err, ErrNotPE) {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// TestDamagedVersion breaks each byte of a version resource: whatever is read,
// it is no more than there is.
func TestDamagedVersion(t *testing.T) {
	good := versionBlock()
	for i := range good {
		for _, x := range []byte{0, 1, 0x7f, 0xff} {
			b := bytes.Clone(good)
			b[i] = x
			if v := parseVersion(b); v != nil {
				checkStrings(t, v, len(b))
			}
		}
		if v := parseVersion(good[:i]); v != nil {
			t.Errorf("cut at %d: %v", i, v)
		}
	}
}

func checkStrings(t *testing.T, v *FileVersion, size int) {
	t.Helper()
	if len(v.Strings) > size/8 {
		t.Fatalf("%d strings in %d bytes", len(v.Strings), size)
	}
	for k, s := range v.Strings {
		if len(k)+len(s) > 3*size || strings.Contains(s, "\x00") {
			t.Fatalf("%q: %q", k, s)
		}
	}
}

// TestCompiled compares with what a compiler and a resource compiler made.
func TestCompiled(t *testing.T) {
	const rc = `1 VERSIONINFO
FILEVERSION 6,1,7601,24545
PRODUCTVERSION 6,1,7601,3
BEGIN
 BLOCK "StringFileInfo"
 BEGIN
  BLOCK "040704B0"
  BEGIN
   VALUE "FileDescription", "A kernel of no Windows"
   VALUE "FileVersion", "6.1.7601.24545 (win7sp1)"
   VALUE "LegalCopyright", "\xA9 nobody"
  END
 END
 BLOCK "VarFileInfo"
 BEGIN
  VALUE "Translation", 0x407, 1200
 END
END
`
	for _, c := range []struct {
		prefix  string
		machine uint16
	}{{"x86_64-w64-mingw32-", MachineAMD64}, {"i686-w64-mingw32-", MachineI386}} {
		t.Run(c.prefix, func(t *testing.T) {
			gcc, err := exec.LookPath(c.prefix + "gcc")
			if err != nil {
				t.Skipf("needs %sgcc", c.prefix)
			}
			windres, err := exec.LookPath(c.prefix + "windres")
			if err != nil {
				t.Skipf("needs %swindres", c.prefix)
			}
			dir := t.TempDir()
			file := func(name, text string) string {
				path := filepath.Join(dir, name)
				if text != "" {
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				return path
			}
			obj, exe := file("v.o", ""), file("p.exe", "")
			for _, args := range [][]string{{windres, file("v.rc", rc), obj}, {gcc, "-o", exe, file("p.c", "int main(void) { return 0; }\n"), obj}} {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			f, err := os.Open(exe)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			size, err := f.Seek(0, io.SeekEnd)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := Machine(f); err != nil || m != c.machine {
				t.Errorf("machine %#x, %v", m, err)
			}
			v, err := Version(f, size)
			if err != nil {
				t.Fatal(err)
			}
			if v.String() != "6.1.7601.24545" || v.ProductVersion() != "6.1.7601.3" || len(v.Strings) != 3 ||
				v.Strings["FileDescription"] != "A kernel of no Windows" || v.Strings["FileVersion"] != "6.1.7601.24545 (win7sp1)" || v.Strings["LegalCopyright"] != "© nobody" {
				t.Errorf("%s, %s, %q", v, v.ProductVersion(), v.Strings)
			}
		})
	}
}

func FuzzPE(f *testing.F) {
	f.Add(whole())
	f.Add(program(MachineI386, false, resources(16, versionBlock())))
	for _, d := range damaged {
		f.Add(d.b())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, merr := Machine(bytes.NewReader(b))
		v, err := Version(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			if merr != nil {
				t.Fatal(merr)
			}
			checkStrings(t, v, len(b))
			return
		}
		var fe *FormatError
		if !errors.Is(err, ErrNotPE) && !errors.Is(err, ErrNoVersion) && !errors.As(err, &fe) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

func FuzzVersionResource(f *testing.F) {
	f.Add(versionBlock())
	f.Add(block("VS_VERSION_INFO", false, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v := parseVersion(b); v != nil {
			checkStrings(t, v, len(b))
		}
	})
}
