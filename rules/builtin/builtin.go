// Package builtin holds the rule files of the program: MigXML of our own, in
// the language package rules compiles.
package builtin

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.xml
var files embed.FS

// Names lists the sets in the order of the alphabet.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded tree can always be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".xml")
	}
	slices.Sort(names)
	return names
}

// Default lists the sets that are used when no rules are named: all but
// "profile", which takes whole profile folders, and "machine", which takes
// what belongs to the machine rather than to its people.
func Default() []string {
	return slices.DeleteFunc(Names(), func(n string) bool { return n == "profile" || n == "machine" })
}

// File is the content of one set.
func File(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no built-in rule set %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return files.ReadFile(name + ".xml")
}
