// Package testwin opens a test disk that holds one Windows, for the tests of
// the packages above profile.
package testwin

import (
	"testing"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
)

// Windows is an opened test disk. The test closes it when it ends.
type Windows struct {
	Set      *volumes.Set
	System   *offline.System
	Problems []offline.Problem
	Users    []*profile.User
}

// Options say how a disk is opened. The zero value opens it as it is.
type Options struct {
	Volumes volumes.Options
	// Offline makes the options of offline.Find, which may name volumes of
	// the set.
	Offline func(*volumes.Set) offline.Options
}

// Open opens disks or folders that hold exactly one Windows; anything else
// fails the test.
func Open(t testing.TB, opt Options, paths ...string) *Windows {
	t.Helper()
	set, err := volumes.Open(paths, opt.Volumes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	var find offline.Options
	if opt.Offline != nil {
		find = opt.Offline(set)
	}
	systems, problems, err := offline.Find(set, find)
	if err != nil || len(systems) != 1 {
		t.Fatalf("%d systems, problems %v, error %v", len(systems), problems, err)
	}
	users, _, err := profile.Users(systems[0])
	if err != nil {
		t.Fatal(err)
	}
	return &Windows{Set: set, System: systems[0], Problems: problems, Users: users}
}
