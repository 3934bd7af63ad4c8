package bitlocker

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/lockgen"
)

func TestParseSecret(t *testing.T) {
	const good = "042647-302313-590458-071500-554323-116567-412181-516978"
	want, err := ParseSecret(good)
	if err != nil || want.Kind() != RecoveryPassword {
		t.Fatal(want, err)
	}
	for _, text := range []string{strings.ReplaceAll(good, "-", " "), strings.ReplaceAll(good, "-", ""), "042647302313 590458071500 554323116567 412181516978", "  " + good + "\t", strings.ReplaceAll(good, "-", "\u2013")} {
		if s, err := ParseSecret(text); err != nil || string(s.key) != string(want.key) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, group := range map[string]int{
		"042647-302313-590459-071500-554323-116567-412181-516978":        3, // a digit
		"042647-302313-590458-071500-554323-116567-412181-51697":         8, // one missing
		"042647-302313-590458-071500-720896-116567-412181-516978":        5, // divisible by 11, too large
		"042647-302313-590458-071500-554323-116567-412181":               0, // seven groups
		"042647-302313-590458-071500-554323-116567-412181-516978-000011": 0,
		strings.ReplaceAll(good, "-", "")[:47] + "0":                     8,
	} {
		_, err := ParseSecret(text)
		var pe *PasswordError
		if !errors.As(err, &pe) || pe.Group != group {
			t.Errorf("%q: %v, want group %d", text, err, group)
		} else if strings.Contains(err.Error(), "590459") || strings.Contains(err.Error(), "51697") {
			t.Errorf("%v shows digits", err)
		}
	}
	// Digits that nothing parts: how many there are is said, and no digit.
	digits := strings.ReplaceAll(good, "-", "")
	for text, n := range map[string]int{digits[:46]: 46, digits[1:]: 47, digits + "1": 49, digits + "111111": 54, digits[:42]: 42, digits[:24] + " " + digits[26:]: 46} {
		s, err := ParseSecret(text)
		var pe *PasswordError
		if want := fmt.Sprintf("the recovery password has %d digits; it has 48", n); !errors.As(err, &pe) || err.Error() != want || pe.Group != 0 {
			t.Errorf("%d digits: %v, %v", n, s, err)
		}
	}
	for _, text := range []string{digits[:36], digits[:41], digits + digits[:7], "anaconda", "", "2024-01-31", "123456", "042647-302313", "pässwörd", good + "x"} {
		if s, err := ParseSecret(text); err != nil || s.Kind() != Password {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

// A secret shows itself in no text.
func TestSecretText(t *testing.T) {
	s, _ := ParseSecret("hunter2")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, s); got != "a password" {
			t.Errorf("%s: %s", format, got)
		}
		if got := fmt.Sprintf(format, []Secret{s}); strings.ContainsAny(got, "0123456789") {
			t.Errorf("%s in a list: %s", format, got)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("042647-302313-590458-071500-554323-116567-412181-516978")
	f.Add("anaconda")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSecret(text)
		if err == nil && len(s.key) != 32 {
			t.Errorf("a key of %d bytes", len(s.key))
		}
	})
}

func FuzzParseBEK(f *testing.F) {
	_, l := lock(fuzzPlain(), lockgen.Options{StartupKey: true})
	f.Add(l.BEK())
	f.Add([]byte("\x20\x00\x00\x00\x01\x00\x00\x00\x30\x00\x00\x00" + strings.Repeat("0", 44))) // ends before its head does
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseBEK(b); err == nil && len(s.key) != 32 {
			t.Errorf("a key of %d bytes", len(s.key))
		}
	})
}
