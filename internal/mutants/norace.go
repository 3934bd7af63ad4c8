//go:build !race

package mutants

const detector = 1
