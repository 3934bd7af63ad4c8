package plan

import (
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// TestSecretOrphans: logs of SAM and SECURITY whose folder is lost are known by
// their names behind the record.
func TestSecretOrphans(t *testing.T) {
	paths, err := testimages.Machine("win10").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set, err := volumes.Open(paths, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	fs, err := set.Volumes[2].FS()
	if err != nil {
		t.Fatal(err)
	}
	// A file that is no hive, and one that is.
	e, err := fs.Lookup(`Users\anna\Desktop\anna.txt`)
	if err != nil {
		t.Fatal(err)
	}
	h, err := fs.Lookup(`Windows\System32\config\SAM`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		folders []string
		name    string
		entry   volumes.Entry
		want    bool
	}{
		{[]string{"$Orphans"}, "83-1 SAM.LOG2", e, true},
		{[]string{"$Orphans"}, "83-1(2) security.log1", e, true},
		{[]string{"$Orphans"}, "83-1 SAM", h, true},
		{[]string{"$Orphans"}, "83-1 SAM.txt", e, false},
		{[]string{"$Orphans"}, "83-1 letter.LOG1", e, false},
		{[]string{"$Orphans", "76-1 config"}, "SAM.LOG", e, true},
		{[]string{"$Orphans", "76-1 config"}, "SECURITY", e, false},
		{[]string{"Data"}, "SAM.LOG1", e, false},
		{[]string{"Data"}, "83-1 SAM.LOG1", e, false},
	} {
		info, err := fs.Info(tt.entry)
		if err != nil {
			t.Fatal(err)
		}
		if got := SecretFile(tt.folders, tt.name, fs, tt.entry, &info); got != tt.want {
			t.Errorf("%q %s: %v, want %v", tt.folders, tt.name, got, tt.want)
		}
	}
}
