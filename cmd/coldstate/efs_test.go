package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// encryptedDisk is a Windows whose user ann encrypted a file.
func encryptedDisk(t *testing.T) (img string, ciphertext []byte) {
	t.Helper()
	ciphertext = ntfsgen.Noise("efs", 1024).All()
	data := ntfsgen.Bytes(ciphertext)
	data.Size = 1000
	keys := func(n *ntfsgen.Node) { n.EFS = append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...) }
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\secret.txt`, data, keys, ntfsgen.Stream{Name: "note", Data: ntfsgen.Bytes(ciphertext[:512])}),
		ntfsgen.File(`Documents\plain.txt`, "plain"),
	}}}}
	img = filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(img); err != nil {
		t.Fatal(err)
	}
	return img, ciphertext
}

// What --efs says is done with encrypted files, and the raw form comes out
// again, of a store and of a source.
func TestEncryptedFiles(t *testing.T) {
	img, ciphertext := encryptedDisk(t)
	dir := t.TempDir()
	capture := func(name string, flags ...string) (int, string) {
		status, out, msg := tool(t, append([]string{"capture", img, "--to", filepath.Join(dir, name), "--include", `C:\Users\ann\* [*]`}, flags...)...)
		return status, out + msg
	}
	if status, text := capture("abort", "--efs", "abort"); status != 4 || !strings.Contains(text, `1 files are encrypted with EFS, the first C:\Users\ann\Documents\secret.txt`) {
		t.Errorf("abort: %d, %s", status, text)
	}
	if _, err := os.Stat(filepath.Join(dir, "abort")); err == nil {
		t.Error("abort wrote a store")
	}
	if status, text := capture("skip", "--efs", "skip"); status != 3 || !strings.Contains(text, `secret.txt: encrypted-skipped`) {
		t.Errorf("skip: %d, %s", status, text)
	}
	if status, text := capture("raw"); status != 0 || !strings.Contains(text, "2 of them encrypted with EFS") || !strings.Contains(text, "RESULT: complete") {
		t.Errorf("raw: %d, %s", status, text)
	}
	if status, _, msg := tool(t, "verify", filepath.Join(dir, "raw")); status != 0 {
		t.Errorf("verify: %d, %s", status, msg)
	}
	status, out, msg := tool(t, "ls", filepath.Join(dir, "raw"), `C:\Users\ann\Documents\secret.txt`, "--json")
	var nodes []struct {
		Outcome store.Outcome
		EFS     *store.EFS
	}
	if err := json.Unmarshal([]byte(out), &nodes); err != nil || status != 0 || len(nodes) != 2 || nodes[0].Outcome != store.EncryptedRaw || nodes[0].EFS == nil || nodes[0].EFS.Size != 1000 {
		t.Errorf("ls: %d, %v, %s%s", status, err, out, msg)
	}
	if status, _, msg := tool(t, "cat", filepath.Join(dir, "raw"), `C:\Users\ann\Documents\secret.txt`); status == 0 || !strings.Contains(msg, ".efsraw") {
		t.Errorf("cat: %d, %s", status, msg)
	}
	var files [][]byte
	for _, from := range []string{filepath.Join(dir, "raw"), img} {
		to := filepath.Join(dir, "out", filepath.Base(from))
		status, out, msg := tool(t, "extract", from, `C:\Users\ann\Documents`, "--to", to)
		if status != 0 || !strings.Contains(out+msg, "1 of them encrypted") {
			t.Errorf("extract %s: %d, %s%s", from, status, out, msg)
		}
		folder := filepath.Join(to, "C", "Users", "ann", "Documents")
		if _, err := os.Stat(filepath.Join(folder, "secret.txt")); err == nil {
			t.Error("ciphertext is given out under the name of the file")
		}
		b, err := os.ReadFile(filepath.Join(folder, "secret.txt.efsraw"))
		if err != nil || !bytes.Contains(b, ciphertext) || !bytes.HasPrefix(b, []byte("\x00\x01\x00\x00R\x00O\x00B\x00S\x00")) {
			t.Errorf("extract %s: %d bytes, %v", from, len(b), err)
		}
		if b, err := os.ReadFile(filepath.Join(folder, "plain.txt")); err != nil || string(b) != "plain" {
			t.Errorf("extract %s: %q, %v", from, b, err)
		}
		files = append(files, b)
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the raw form of the store is not that of the source")
	}
}
