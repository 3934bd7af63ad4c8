package profile

import (
	"maps"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// domains is what the machine remembers of Active Directory domains.
type domains struct {
	// name is the NetBIOS name by the SID of the domain, dns the DNS name.
	name, dns map[string]string
	// netbios is the NetBIOS name by the upper-case DNS name.
	netbios map[string]string
}

// domainOf is the SID of the domain of an account, "" for accounts of Entra
// and of Windows itself.
func domainOf(sid string) string {
	if !strings.HasPrefix(sid, "S-1-5-21-") {
		return ""
	}
	return sid[:strings.LastIndexByte(sid, '-')]
}

// readDomains gathers names of domains: from the accounts whose DOMAIN\name is
// known, and for the domain that the machine is a member of from where Windows
// keeps that. Joining a domain puts its group 512 into Administrators and 513
// into Users.
func (n *names) readDomains() {
	d := domains{name: map[string]string{}, dns: map[string]string{}, netbios: map[string]string{}}
	defer func() { n.domains = d }()
	software := n.sys.Software.Root()
	if k, err := software.Key(`Microsoft\Windows NT\CurrentVersion\Winlogon\DomainCache`); err == nil {
		left := maxTraces
		for v := range k.Values() {
			if left--; left < 0 {
				break
			}
			if dns := strings.TrimSpace(v.Text()); v.Name() != "" && dns != "" {
				d.netbios[wstr.Upper(dns)] = v.Name()
			}
		}
	}
	learn := func(sid, domain string) {
		switch {
		case sid == "" || domain == "" || wstr.EqualFold(domain, n.sys.ComputerName) || wstr.EqualFold(domain, "AzureAD"):
		case n.sam != nil && sid == n.sam.Machine:
		case strings.Contains(domain, "."):
			if d.dns[sid] == "" {
				d.dns[sid] = domain
			}
		case d.name[sid] == "":
			d.name[sid] = domain
		}
	}
	for _, sid := range slices.Sorted(maps.Keys(n.bySID)) {
		for _, id := range n.bySID[sid] {
			learn(domainOf(sid), id.domain)
		}
	}
	if member := n.memberOf(); member != "" {
		n.ownDomain(func(domain string) { learn(member, domain) })
	}
	for sid, dns := range d.dns {
		if nb := d.netbios[wstr.Upper(dns)]; nb != "" && d.name[sid] == "" {
			d.name[sid] = nb
		}
	}
}

// ownDomain gives learn what the domain is called that the machine is a
// member of.
func (n *names) ownDomain(learn func(domain string)) {
	read := func(key string, values ...string) {
		k, err := n.sys.HKLM(key)
		if err != nil {
			return
		}
		for _, v := range values {
			learn(strings.Trim(value(k, v), `\.`))
		}
	}
	read(`SOFTWARE\`+windowsKey+`\Group Policy\History`, "MachineDomain", "NetworkName")
	read(`SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon`, "CachePrimaryDomain", "DefaultDomainName", "AltDefaultDomainName")
	read(`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "Domain")
}

// memberOf is the SID of the domain that the machine is a member of, "" when
// that is none or not clear.
func (n *names) memberOf() string {
	if n.sam == nil {
		return ""
	}
	found := ""
	for _, g := range n.sam.Groups {
		want := map[string]string{"S-1-5-32-544": "-512", "S-1-5-32-545": "-513"}[g.SID]
		if want == "" {
			continue
		}
		for _, m := range g.Members {
			d := domainOf(m)
			if d == "" || d == n.sam.Machine || !strings.HasSuffix(m, want) {
				continue
			}
			if found != "" && found != d {
				return ""
			}
			found = d
		}
	}
	return found
}

// domain is the name of the domain of an account: the short one where it is
// known.
func (n *names) domain(sid string) string {
	d := domainOf(sid)
	if name := n.domains.name[d]; name != "" {
		return name
	}
	return n.domains.dns[d]
}

// short is the NetBIOS name for a DNS name of a domain of that account, or
// name itself.
func (n *names) short(sid, name string) string {
	if !strings.Contains(name, ".") {
		return name
	}
	if nb := n.domains.netbios[wstr.Upper(name)]; nb != "" {
		return nb
	}
	d := domainOf(sid)
	if wstr.EqualFold(n.domains.dns[d], name) && n.domains.name[d] != "" {
		return n.domains.name[d]
	}
	return name
}
