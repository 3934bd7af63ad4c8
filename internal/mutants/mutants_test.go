package mutants

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	Main(m, func() []*Base {
		return []*Base{{Name: "half", Weight: 1, Try: func(rnd *rand.Rand) (bool, bool, error) { return true, rnd.IntN(2) == 0, nil }}}
	})
}

func TestTest(t *testing.T) { Test(t, 101, 101) }

// Panics and errors are failures with the number that repeats them.
func TestFailures(t *testing.T) {
	bases := []*Base{
		{Name: "panics", Weight: 1, Try: func(*rand.Rand) (bool, bool, error) { panic("a mistake") }},
		{Name: "fails", Weight: 1, Try: func(*rand.Rand) (bool, bool, error) { return true, false, errors.New("a promise is broken") }},
		{Name: "good", Weight: 2, Try: func(*rand.Rand) (bool, bool, error) { return true, true, nil }},
		{Name: "refused", Weight: 1, Try: func(*rand.Rand) (bool, bool, error) { return false, false, nil }},
	}
	r := job{First: 1, Step: 2, Count: 60}.run(bases)
	n := func(name string) int { return r.Bases[name][0] }
	if r.Mutants != 60 || n("panics")+n("fails")+n("good")+n("refused") != 60 || n("panics") == 0 || n("fails") == 0 || n("refused") == 0 || n("good") < n("fails") {
		t.Errorf("%+v", r.Bases)
	}
	if r.Opened != n("fails")+n("good") || r.Walked != n("good") || len(r.Failures) != n("panics")+n("fails") || r.MostMemory <= 0 {
		t.Errorf("%+v", r)
	}
	for _, f := range r.Failures {
		if !strings.Contains(f, "repeat it with "+oneEnv) || !strings.Contains(f, "panic: a mistake") && !strings.Contains(f, "a promise is broken") {
			t.Error(f)
		}
	}
}

// Damage changes copies, the same with the same seed, and mostly in the places.
func TestDamage(t *testing.T) {
	b := make([]byte, 10_000)
	changed, inside := 0, 0
	for seed := range uint64(200) {
		one := Damage(rand.New(rand.NewPCG(seed, 1)), b, []Place{{5000, 100}, {20_000, 10}})
		two := Damage(rand.New(rand.NewPCG(seed, 1)), b, []Place{{5000, 100}, {20_000, 10}})
		if !bytes.Equal(one, two) {
			t.Fatalf("seed %d gives two", seed)
		}
		for i, c := range one {
			if c != 0 {
				changed++
				if i >= 5000 && i < 5100 {
					inside++
				}
			}
		}
	}
	if changed < 200 || inside < changed/4 || bytes.Count(b, []byte{0}) != len(b) {
		t.Errorf("%d bytes are changed, %d in the place", changed, inside)
	}
	if Damage(rand.New(rand.NewPCG(1, 1)), nil, nil) != nil {
		t.Error("of nothing something was made")
	}
	if os.Getenv(childEnv) != "" {
		t.Error("the test is a child")
	}
}
