package wim

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxXMLText is how much of a name or a description is kept, in bytes.
const maxXMLText = 4096

// readXML reads what the XML data say of the images. They serve people only:
// when they are damaged, the images have no names.
func (f *File) readXML(h resHeader) {
	b, err := f.readAll(h, maxXML)
	if err == nil {
		err = parseXML(text(b), f.images)
	}
	if err != nil {
		f.problem("the XML data: %v", err)
	}
}

// parseXML fills images from <WIM><IMAGE INDEX="1"><NAME>…, as far as it goes.
func parseXML(s string, images []Image) error {
	d := xml.NewDecoder(strings.NewReader(s))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is decoded
	var path []string
	var img *Image
	var value []byte
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(path) == 64 {
				return errors.New("elements are nested too deep")
			}
			path = append(path, tok.Name.Local)
			value = value[:0]
			if len(path) == 2 && tok.Name.Local == "IMAGE" {
				img = nil
				for _, a := range tok.Attr {
					if n, err := strconv.Atoi(a.Value); a.Name.Local == "INDEX" && err == nil && n >= 1 && n <= len(images) {
						img = &images[n-1]
					}
				}
			}
		case xml.CharData:
			if room := maxXMLText - len(value); len(path) == 3 && room > 0 {
				value = append(value, tok[:min(len(tok), room)]...)
			}
		case xml.EndElement:
			if len(path) == 3 && path[1] == "IMAGE" && img != nil {
				img.set(path[2], strings.ToValidUTF8(string(value), ""))
			}
			path = path[:len(path)-1]
			value = value[:0]
		}
	}
}

func (i *Image) set(field, value string) {
	switch field {
	case "NAME":
		i.Name = value
	case "DESCRIPTION":
		i.Description = value
	case "FLAGS":
		i.Flags = value
	case "TOTALBYTES":
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n > 0 {
			i.Bytes = n
		}
	}
}
