package winfs

import (
	"errors"
	"testing"
)

// A place that is not known is not made up.
func TestReadErrorText(t *testing.T) {
	why := errors.New("input/output error")
	for want, e := range map[string]*ReadError{
		"bytes 512-1023 (volume offset 0x8000): input/output error": {Off: 512, Len: 512, Pos: 0x8000, Err: why},
		"bytes 0-0 (volume offset 0x0): input/output error":         {Off: 0, Len: 1, Pos: 0, Err: why},
		"bytes 512-1023: input/output error":                        {Off: 512, Len: 512, Pos: -1, Err: why},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
