package inventory

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
)

// Drive is a network drive that Windows connects when the user logs on.
type Drive struct {
	Letter string    `json:"letter"` // "Z:"
	Path   wstr.Text `json:"path"`   // `\\server\share`
	// As is the name that the drive is connected under, when it is another.
	As       wstr.Text `json:"as,omitempty"`
	Provider wstr.Text `json:"provider,omitempty"`
}

// WiFi is a wireless network that the machine knows. Its key is not read.
type WiFi struct {
	SSID wstr.Text `json:"ssid"`
	// Hex are the bytes of the name when they are no UTF-8; SSID is then what
	// Windows shows.
	Hex string `json:"ssid_hex,omitempty"`
	// Authentication is Windows's word: "open", "WPA2PSK", "WPA2" for a
	// company's network.
	Authentication wstr.Text `json:"authentication,omitempty"`
	// Hidden: the network does not send its name.
	Hidden bool `json:"hidden,omitempty"`
}

// Connection is a dial-up or VPN connection of a phone book of Windows.
type Connection struct {
	Name wstr.Text `json:"name"`
	Kind string    `json:"kind,omitempty"` // "vpn", "phone", "broadband"
	// Server is the address or the number that is called.
	Server wstr.Text `json:"server,omitempty"`
}

// drives reads the network drives of u.
func (r *reader) drives(u *profile.User) []Drive {
	list := []Drive{}
	k, err := u.HKCU("Network")
	if err != nil {
		return list
	}
	for d := range r.keys(k) {
		name := wstr.Upper(d.Name())
		if len(name) != 1 || name[0] < 'A' || name[0] > 'Z' {
			continue // not a letter: "LPT1", or nothing of Windows
		}
		list = append(list, Drive{Letter: name + ":", Path: text(d, "RemotePath"), As: text(d, "UserName"), Provider: text(d, "ProviderName")})
		if len(list) == 26 {
			break
		}
	}
	return list
}

// wifi reads the wireless networks: files since Vista, values before.
func (r *reader) wifi() {
	if r.sys.XP() {
		r.wzc()
	} else if dir, ok := r.sys.Env().Lookup("CSIDL_COMMON_APPDATA"); ok {
		// The folder may have been moved to another drive.
		r.wlansvc(winpath.Join(r.sys.Follow(dir), `Microsoft\Wlansvc\Profiles\Interfaces`))
	}
}

// wlansvc reads a profile of each adapter and network.
func (r *reader) wlansvc(dir string) {
	adapters, err := r.list(dir, true)
	if err != nil {
		if !errors.Is(err, volumes.ErrNotFound) {
			r.problem(dir, "cannot be listed (%v); the Wi-Fi networks are not known", err)
		}
		return
	}
	for _, a := range adapters {
		files, err := r.list(winpath.Join(dir, a), false)
		if err != nil {
			r.problem(winpath.Join(dir, a), "cannot be listed (%v); the Wi-Fi networks of this adapter are not known", err)
			continue
		}
		for _, f := range files {
			if !strings.HasSuffix(wstr.Upper(f), ".XML") {
				continue
			}
			path := winpath.Join(dir, a, f)
			b, err := r.sys.ReadFile(path, maxFile)
			if err != nil {
				r.problem(path, "a Wi-Fi network is not known: %v", bare(err, path))
				continue
			}
			w, err := readWiFi(b)
			clear(b)
			if err != nil {
				r.problem(path, "a Wi-Fi network is not known: %v", err)
				continue
			}
			if !r.addWiFi(w) {
				return
			}
		}
	}
}

// addWiFi adds w if no other adapter knows it. It returns false when there
// are too many.
func (r *reader) addWiFi(w WiFi) bool {
	if slices.ContainsFunc(r.inv.WiFi, func(o WiFi) bool { return o.SSID == w.SSID && o.Hex == w.Hex }) {
		return true
	}
	if len(r.inv.WiFi) == maxItems {
		r.tooMany("the list of Wi-Fi networks", maxItems)
		return false
	}
	r.inv.WiFi = append(r.inv.WiFi, w)
	return true
}

// readWiFi reads a WLANProfile (the WLAN_profile schema of the Win32 API).
// It takes the elements it names; what lies below sharedKey, the key of the
// network, is not among them. The words of the XML reader are not passed on:
// they quote the text they stopped at.
func readWiFi(b []byte) (WiFi, error) {
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == '<' && b[1] == 0) {
		s := wstr.FromUTF16LE(b)
		b = []byte(strings.TrimPrefix(s, "\ufeff"))
		defer clear(b)
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	// The declaration may name another encoding; names of elements and the
	// digits of hex are ASCII in all of them.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var path []string
	var w WiFi
	var ssid, profile []byte
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return WiFi{}, errors.New("the file is no well-formed XML")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) == 32 {
				return WiFi{}, errors.New("the file is no profile of a network: its elements are too deep")
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != t.Name.Local {
				return WiFi{}, errors.New("the file is no well-formed XML")
			}
			path = path[:len(path)-1]
		case xml.CharData:
			// Only these are made strings of.
			switch strings.Join(path, "/") {
			case "WLANProfile/name":
				profile = append(profile, t...)
			case "WLANProfile/SSIDConfig/SSID/hex":
				if raw, err := hex.DecodeString(string(bytes.TrimSpace(t))); err == nil && len(ssid) == 0 {
					ssid = raw
				}
			case "WLANProfile/SSIDConfig/SSID/name":
				if len(ssid) == 0 {
					ssid = bytes.Clone(t)
				}
			case "WLANProfile/SSIDConfig/nonBroadcast":
				w.Hidden = string(bytes.TrimSpace(t)) == "true"
			case "WLANProfile/MSM/security/authEncryption/authentication":
				if w.Authentication == "" {
					w.Authentication = plain(string(t))
				}
			}
		}
	}
	if len(path) > 0 {
		return WiFi{}, errors.New("the file is cut off")
	}
	return w, w.name(ssid, string(profile))
}

// name takes the bytes of an SSID, at most 32, and the name that is shown for
// it when they are no text.
func (w *WiFi) name(ssid []byte, shown string) error {
	switch {
	case len(ssid) == 0 && shown == "":
		return errors.New("the file names no network")
	case len(ssid) > 32:
		return fmt.Errorf("the name of the network has %d bytes; 32 is the most", len(ssid))
	case len(ssid) == 0:
		w.SSID = plain(shown)
	case utf8.Valid(ssid):
		w.SSID = wstr.Text(ssid)
	default:
		if shown == "" {
			shown = wstr.FromLatin1(ssid)
		}
		w.SSID, w.Hex = plain(shown), hex.EncodeToString(ssid)
	}
	return nil
}

// wzc reads the networks of Windows XP: values Static#0000 … of an interface,
// each a WZC_WLAN_CONFIG that has the length of the name at 16, the name at 20
// and the key behind it.
func (r *reader) wzc() {
	list, ok := r.software(`Microsoft\WZCSVC\Parameters\Interfaces`)
	if !ok {
		return
	}
	for k := range r.keys(list) {
		for v := range r.values(k) {
			if !strings.HasPrefix(wstr.Upper(v.Name()), "STATIC#") {
				continue
			}
			b, err := v.Data()
			if err != nil || len(b) < 20+32 {
				continue
			}
			n := int(b[16])
			if n == 0 || n > 32 || b[17] != 0 || b[18] != 0 || b[19] != 0 {
				continue
			}
			var w WiFi
			if err := w.name(bytes.Clone(b[20:20+n]), ""); err == nil && !r.addWiFi(w) {
				return
			}
		}
	}
}

// phonebook reads the phone book below an application data folder: an INI file
// with a section for each connection. Passwords are not in it.
func (r *reader) phonebook(appData string) []Connection {
	path := winpath.Join(appData, `Microsoft\Network\Connections\Pbk\rasphone.pbk`)
	b, err := r.sys.ReadFile(path, maxFile)
	if err != nil {
		if !errors.Is(err, volumes.ErrNotFound) {
			r.problem(path, "the VPN connections are not known: %v", bare(err, path))
		}
		return nil
	}
	list, more := readPhonebook(b)
	if more {
		r.tooMany(path, maxItems)
	}
	return list
}

// readPhonebook reads the sections of a phone book; more says that there are
// too many.
func readPhonebook(b []byte) (list []Connection, more bool) {
	s := string(bytes.TrimPrefix(b, []byte("\ufeff")))
	if !utf8.ValidString(s) {
		s = wstr.FromLatin1([]byte(s)) // before Windows 8 it is in the code page of the machine
	}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") && len(line) > 2 {
			if len(list) == maxItems {
				return list, true
			}
			list = append(list, Connection{Name: plain(line[1 : len(line)-1])})
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || len(list) == 0 {
			continue
		}
		c := &list[len(list)-1]
		switch strings.ToUpper(key) {
		case "TYPE": // RASET_ of ras.h
			c.Kind = map[string]string{"1": "phone", "2": "vpn", "5": "broadband"}[value]
		case "PHONENUMBER":
			if c.Server == "" {
				c.Server = plain(value)
			}
		}
	}
	return list, false
}

// list gives the names of the folders, or the files, in a folder.
func (r *reader) list(dir string, folders bool) ([]string, error) {
	v, e, err := r.sys.Resolve(dir)
	if err != nil {
		return nil, err
	}
	fs, err := v.FS()
	if err != nil {
		return nil, err
	}
	children, err := fs.Children(e)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range children {
		if info, err := fs.Info(c); err != nil || info.IsDir() != folders || info.Reparse != 0 && info.IsDir() {
			continue
		}
		if len(names) == maxItems {
			r.tooMany(dir, maxItems)
			break
		}
		names = append(names, fs.Name(c))
	}
	return names, nil
}

// bare is err without the path that the sentence around it names.
func bare(err error, path string) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}
