package hive

// LogSuffixes are the ends of the names of transaction logs, which lie beside
// the hive. Their case varies, even between the logs of one hive.
var LogSuffixes = []string{".LOG1", ".LOG2", ".LOG"}

// Log is a transaction log of a hive, as it lies beside it.
type Log struct {
	Name string // for messages; the suffix tells .LOG from .LOG1 and .LOG2
	Data []byte
}

// Recovery tells what the transaction logs gave to a hive. Its zero value is
// that of a hive that needed none.
type Recovery struct {
	Dirty       bool          `json:"dirty,omitempty"`       // the file itself was not written out completely
	Applied     []AppliedLog  `json:"applied,omitempty"`     // in the order in which they were applied
	Rejected    []RejectedLog `json:"rejected,omitempty"`    // logs that a dirty hive has and that gave nothing
	BaseBlock   string        `json:"baseBlock,omitempty"`   // the log that the base block was taken from, "" for the hive's own
	Unrecovered string        `json:"unrecovered,omitempty"` // why newer changes are missing, a sentence; "" when the hive is whole
}

// AppliedLog is a log whose changes are in the hive.
type AppliedLog struct {
	Name    string `json:"name"`
	Format  string `json:"format"`  // "HvLE", since Windows 8.1, or "DIRT"
	Entries int    `json:"entries"` // 1 for DIRT
	Pages   int    `json:"pages"`   // of 4096 bytes for HvLE, of 512 for DIRT
	First   uint32 `json:"first"`   // sequence numbers of the first and the last entry
	Last    uint32 `json:"last"`
}

// RejectedLog is a log that a dirty hive has, and that gave nothing.
type RejectedLog struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// String says it in one line, "" when there is nothing to tell.
func (r Recovery) String() string { return r.Unrecovered }

// Recovery tells what was replayed, and why something could not be. It is the
// zero value for hives from Open and for clean ones.
func (h *Hive) Recovery() Recovery { return h.recovery }

// OpenWithLogs opens the hive in b together with its transaction logs: when
// Windows was interrupted before it wrote the hive out, the changes in the
// logs are applied to a copy. Neither b nor the logs are changed, and a clean
// hive ignores its logs. What was done is in [Hive.Recovery].
func OpenWithLogs(b []byte, logs []Log) (*Hive, error) {
	h, err := Open(b)
	if err != nil {
		return nil, err
	}
	if h.dirty {
		h.recovery = Recovery{Dirty: true, Unrecovered: "its logs are not replayed"}
	}
	return h, nil
}
