package capture_test

import (
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// A hive of accounts is known with any of its sectors lost, its first one too.
func TestSecretHiveWithBadSectors(t *testing.T) {
	for name, whole := range map[string][]byte{"SAM": testimages.SAM().Hive(), "SECURITY": hivegen.Build(testimages.Security(), hivegen.Options{})} {
		if !capture.SecretHive(whole) {
			t.Fatalf("%s is not known", name)
		}
		for at := 0; at+512 <= len(whole); at += 512 {
			b := append([]byte(nil), whole...)
			clear(b[at : at+512])
			// The small SECURITY has all that tells what it is in one sector.
			if !capture.SecretHive(b) && (name == "SAM" || at == 0) {
				t.Errorf("%s is not known without the sector at %d", name, at)
			}
			if name == "SAM" {
				clear(b[:512])
				if !capture.SecretHive(b) {
					t.Errorf("%s is not known without its first sector and that at %d", name, at)
				}
			}
		}
	}
	if capture.SecretHive(make([]byte, 1<<20)) {
		t.Error("zeros are no hive")
	}
}
