package volumes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/volumes/wim"
)

// isWIM says whether the file begins as a WIM file of any kind.
func (src *Source) isWIM() bool {
	b := bytesAt(src.reader, src.Size, 0, len(wim.Magic))
	return has(b, 0, wim.Magic) || has(b, 0, wim.MagicPipable)
}

// readWIM makes each image of a WIM file a volume.
func (src *Source) readWIM(name string) error {
	f, err := wim.Open(src.reader, src.Size)
	if no, ok := errors.AsType[*wim.UnsupportedError](err); ok {
		return &SourceError{Path: name, Err: &ContainerError{Format: no.Kind}, Hint: strings.ReplaceAll(no.Hint, "FILE", name)}
	}
	if err != nil {
		return &SourceError{Path: name, Err: fmt.Errorf("is a WIM file that cannot be read: %w", err), Hint: "copy the file again; `wimlib-imagex verify` says what is left of it"}
	}
	src.wim = f
	src.found(WIMFile)
	src.Problems = append(src.Problems, f.Problems()...)
	images := f.Images()
	for i := range images {
		src.Volumes = append(src.Volumes, &Volume{Kind: WIMImage, Image: &images[i]})
	}
	if len(images) == 0 {
		src.Problems = append(src.Problems, "there is no image in it")
	}
	return nil
}
