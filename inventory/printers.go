package inventory

import (
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

// Printer is a printer of the machine, or a connection to one of a server.
type Printer struct {
	// Name is `\\server\printer` for a connection.
	Name   wstr.Text `json:"name"`
	Driver wstr.Text `json:"driver,omitempty"`
	Port   wstr.Text `json:"port,omitempty"`
	// Host and HostPort are where a network port leads, Queue the queue there.
	Host     wstr.Text `json:"host,omitempty"`
	HostPort uint32    `json:"host_port,omitempty"`
	Queue    wstr.Text `json:"queue,omitempty"`
	Location wstr.Text `json:"location,omitempty"`
	Comment  wstr.Text `json:"comment,omitempty"`
	// Share is the name under which others use it.
	Share wstr.Text `json:"share,omitempty"`
	// Connection: the printer is a server's.
	Connection bool `json:"connection,omitempty"`
	// Virtual: no device; Windows or a program makes files of what is printed.
	Virtual bool `json:"virtual,omitempty"`
}

// virtualPorts begin the names of ports without a device.
var virtualPorts = []string{"PORTPROMPT:", "XPSPORT:", "SHRFAX:", "NUL:", "FILE:", "MICROSOFT.OFFICE.ONENOTE", "SEND TO MICROSOFT ONENOTE", "MICROSOFT DOCUMENT IMAGING", "DOCUMENTS\\*.PDF"}

// printers reads the printers of the machine and the connections that all its
// users have.
func (r *reader) printers() {
	list, ok := r.control(`Control\Print\Printers`)
	if !ok || list.NumSubkeys() == 0 {
		list, ok = r.software(`Microsoft\Windows NT\CurrentVersion\Print\Printers`)
	}
	if ok {
		ports, _ := r.control(`Control\Print\Monitors\Standard TCP/IP Port\Ports`)
		for k := range r.keys(list) {
			if len(r.inv.Printers) == maxItems {
				r.tooMany("the list of printers", maxItems)
				return
			}
			r.inv.Printers = append(r.inv.Printers, readPrinter(k, ports))
		}
	}
	if k, ok := r.control(`Control\Print\Connections`); ok {
		r.inv.Printers = append(r.inv.Printers, r.connections(k, maxItems-len(r.inv.Printers))...)
	}
}

func readPrinter(k, ports hive.Key) Printer {
	p := Printer{
		Name: text(k, "Name"), Driver: text(k, "Printer Driver"), Port: text(k, "Port"), Location: text(k, "Location"), Comment: text(k, "Description"), Share: text(k, "Share Name"),
	}
	if p.Name == "" {
		p.Name = plain(k.Name())
	}
	up := wstr.Upper(string(p.Port))
	for _, v := range virtualPorts {
		p.Virtual = p.Virtual || strings.HasPrefix(up, v)
	}
	if ports.Hive() == nil || p.Port == "" {
		return p
	}
	// The key of a port also has the community of SNMP, which is a password.
	port, err := ports.Subkey(string(p.Port))
	if err != nil {
		return p
	}
	if p.Host = text(port, "HostName"); p.Host == "" {
		p.Host = text(port, "IPAddress")
	}
	p.HostPort, _ = port.DWord("PortNumber")
	p.Queue = text(port, "Queue")
	return p
}

// connections reads a key Connections: its subkeys are called ",,server,name".
func (r *reader) connections(list hive.Key, max int) []Printer {
	var out []Printer
	for k := range r.keys(list) {
		name := k.Name()
		if !strings.HasPrefix(name, ",,") {
			continue
		}
		if len(out) >= max {
			r.tooMany("the list of printers", maxItems)
			break
		}
		// No name of a printer has a comma.
		out = append(out, Printer{Name: plain(strings.ReplaceAll(name, ",", `\`)), Connection: true})
	}
	return out
}

// userPrinters reads the connections of u and its default printer.
func (r *reader) userPrinters(u *profile.User) ([]Printer, wstr.Text) {
	list := []Printer{}
	if k, err := u.HKCU(`Printers\Connections`); err == nil {
		list = append(list, r.connections(k, maxItems)...)
	}
	k, err := u.HKCU(`Software\Microsoft\Windows NT\CurrentVersion\Windows`)
	if err != nil {
		return list, ""
	}
	// "name,winspool,Ne00:"
	name, _, _ := strings.Cut(string(text(k, "Device")), ",")
	return list, plain(name)
}
