package offline

import (
	"fmt"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

// Config is an offline.xml: where the Windows is, and which of its paths are
// where.
type Config struct {
	Name string // of the file, for messages
	// Dirs are the folders that may be the Windows, best first.
	Dirs []ConfigPath
	// Mappings replace what is found out of the drive letters, when there are
	// any.
	Mappings []Mapping
	// FailOnMultiple makes more than one Windows among Dirs an error.
	FailOnMultiple bool
}

// ConfigPath is a path of an offline.xml with its place in it.
type ConfigPath struct {
	Path string
	Pos  xmlpos.Pos
}

// Mapping says where a path of the offline Windows is reached.
type Mapping struct {
	// Online is the path by which the data is reached where the program runs,
	// Offline the one that the offline Windows has for it: `C:\`, `C:\Data`.
	Online, Offline string
	// Sure is set when the file says which is which.
	Sure bool
	Pos  xmlpos.Pos
}

// Warning is something in an offline.xml that has no effect.
type Warning struct {
	File string
	Pos  xmlpos.Pos
	Msg  string
}

func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", w.File, w.Pos.Line, w.Pos.Col, w.Msg)
}

// ParseConfig reads an offline.xml. Name stands in errors, which are
// *xmlpos.Error, and in warnings.
func ParseConfig(name string, data []byte) (*Config, []Warning, error) {
	d, err := xmlpos.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	return &Config{Name: d.Name}, nil, nil
}
