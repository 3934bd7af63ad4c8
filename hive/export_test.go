package hive

// Bins gives the bins, for comparison byte by byte.
func (h *Hive) Bins() []byte { return h.bins }
