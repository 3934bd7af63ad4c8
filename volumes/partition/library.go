package partition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/diskfs/go-diskfs/backend"
)

// guarded calls the library and makes an error of a panic.
func guarded[T any](read func() (T, error)) (t T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the table cannot be decoded (%v)", p)
		}
	}()
	return read()
}

// disk is what the library takes for one. Only reading works.
type disk struct {
	*bytes.Reader
}

func memory(b []byte) backend.Storage { return disk{bytes.NewReader(b)} }

func (disk) Close() error                            { return nil }
func (disk) Path() string                            { return "" }
func (disk) Stat() (fs.FileInfo, error)              { return nil, errors.ErrUnsupported }
func (disk) Sys() (*os.File, error)                  { return nil, errors.ErrUnsupported }
func (disk) Writable() (backend.WritableFile, error) { return nil, backend.ErrIncorrectOpenMode }

var _ io.ReaderAt = disk{}
