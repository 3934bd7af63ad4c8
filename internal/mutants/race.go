//go:build race

package mutants

// detector is how many times the memory of a process the race detector takes at
// the most: it keeps the history of each word.
const detector = 5
