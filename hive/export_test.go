package hive

// Bins gives the bins, for comparison byte by byte.
func (h *Hive) Bins() []byte { return h.bins }

// MutantsChild is what the test binary does when MutantsEnv is set.
var MutantsChild func()

const MutantsEnv = "COLDSTATE_TEST_MUTANTS_CHILD"
