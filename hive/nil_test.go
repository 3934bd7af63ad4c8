package hive

import (
	"errors"
	"testing"
)

// TestNilHive: the root of no hive can be asked, and has nothing.
func TestNilHive(t *testing.T) {
	var h *Hive
	root := h.Root()
	if _, err := root.Key(`Microsoft\Windows`); !errors.Is(err, ErrNotFound) || root.Hive() != nil {
		t.Errorf("a key is found: %v", err)
	}
	for range root.Subkeys() {
		t.Error("a subkey")
	}
	for range root.Values() {
		t.Error("a value")
	}
	if _, err := root.Value("x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a value is found: %v", err)
	}
}
