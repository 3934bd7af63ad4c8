package winsec

import "sync"

// wellKnown are the SIDs that are the same on every Windows, with their
// English names and their aliases in SDDL ([MS-DTYP] 2.4.2.4 and 2.5.1.1).
var wellKnown = []struct{ sid, alias, name string }{
	{"S-1-0-0", "", "NULL SID"},
	{"S-1-1-0", "WD", "Everyone"},
	{"S-1-2-0", "", "LOCAL"},
	{"S-1-2-1", "", "CONSOLE LOGON"},
	{"S-1-3-0", "CO", "CREATOR OWNER"},
	{"S-1-3-1", "CG", "CREATOR GROUP"},
	{"S-1-3-2", "", "CREATOR OWNER SERVER"},
	{"S-1-3-3", "", "CREATOR GROUP SERVER"},
	{"S-1-3-4", "OW", "OWNER RIGHTS"},
	{"S-1-5-1", "", `NT AUTHORITY\DIALUP`},
	{"S-1-5-2", "NU", `NT AUTHORITY\NETWORK`},
	{"S-1-5-3", "", `NT AUTHORITY\BATCH`},
	{"S-1-5-4", "IU", `NT AUTHORITY\INTERACTIVE`},
	{"S-1-5-6", "SU", `NT AUTHORITY\SERVICE`},
	{"S-1-5-7", "AN", `NT AUTHORITY\ANONYMOUS LOGON`},
	{"S-1-5-8", "", `NT AUTHORITY\PROXY`},
	{"S-1-5-9", "ED", `NT AUTHORITY\ENTERPRISE DOMAIN CONTROLLERS`},
	{"S-1-5-10", "PS", `NT AUTHORITY\SELF`},
	{"S-1-5-11", "AU", `NT AUTHORITY\Authenticated Users`},
	{"S-1-5-12", "RC", `NT AUTHORITY\RESTRICTED`},
	{"S-1-5-13", "", `NT AUTHORITY\TERMINAL SERVER USER`},
	{"S-1-5-14", "", `NT AUTHORITY\REMOTE INTERACTIVE LOGON`},
	{"S-1-5-15", "", `NT AUTHORITY\This Organization`},
	{"S-1-5-17", "", `NT AUTHORITY\IUSR`},
	{"S-1-5-18", "SY", `NT AUTHORITY\SYSTEM`},
	{"S-1-5-19", "LS", `NT AUTHORITY\LOCAL SERVICE`},
	{"S-1-5-20", "NS", `NT AUTHORITY\NETWORK SERVICE`},
	{"S-1-5-33", "WR", `NT AUTHORITY\WRITE RESTRICTED`},
	{"S-1-5-113", "", `NT AUTHORITY\Local account`},
	{"S-1-5-114", "", `NT AUTHORITY\Local account and member of Administrators group`},
	{"S-1-5-32", "", "BUILTIN"},
	{"S-1-5-32-544", "BA", `BUILTIN\Administrators`},
	{"S-1-5-32-545", "BU", `BUILTIN\Users`},
	{"S-1-5-32-546", "BG", `BUILTIN\Guests`},
	{"S-1-5-32-547", "PU", `BUILTIN\Power Users`},
	{"S-1-5-32-548", "AO", `BUILTIN\Account Operators`},
	{"S-1-5-32-549", "SO", `BUILTIN\Server Operators`},
	{"S-1-5-32-550", "PO", `BUILTIN\Print Operators`},
	{"S-1-5-32-551", "BO", `BUILTIN\Backup Operators`},
	{"S-1-5-32-552", "RE", `BUILTIN\Replicator`},
	{"S-1-5-32-554", "RU", `BUILTIN\Pre-Windows 2000 Compatible Access`},
	{"S-1-5-32-555", "RD", `BUILTIN\Remote Desktop Users`},
	{"S-1-5-32-556", "NO", `BUILTIN\Network Configuration Operators`},
	{"S-1-5-32-557", "", `BUILTIN\Incoming Forest Trust Builders`},
	{"S-1-5-32-558", "MU", `BUILTIN\Performance Monitor Users`},
	{"S-1-5-32-559", "LU", `BUILTIN\Performance Log Users`},
	{"S-1-5-32-560", "", `BUILTIN\Windows Authorization Access Group`},
	{"S-1-5-32-561", "", `BUILTIN\Terminal Server License Servers`},
	{"S-1-5-32-562", "", `BUILTIN\Distributed COM Users`},
	{"S-1-5-32-568", "IS", `BUILTIN\IIS_IUSRS`},
	{"S-1-5-32-569", "CY", `BUILTIN\Cryptographic Operators`},
	{"S-1-5-32-573", "ER", `BUILTIN\Event Log Readers`},
	{"S-1-5-32-574", "CD", `BUILTIN\Certificate Service DCOM Access`},
	{"S-1-5-32-575", "RA", `BUILTIN\RDS Remote Access Servers`},
	{"S-1-5-32-576", "ES", `BUILTIN\RDS Endpoint Servers`},
	{"S-1-5-32-577", "MS", `BUILTIN\RDS Management Servers`},
	{"S-1-5-32-578", "HA", `BUILTIN\Hyper-V Administrators`},
	{"S-1-5-32-579", "AA", `BUILTIN\Access Control Assistance Operators`},
	{"S-1-5-32-580", "RM", `BUILTIN\Remote Management Users`},
	{"S-1-5-32-581", "", `BUILTIN\System Managed Accounts Group`},
	{"S-1-5-32-582", "", `BUILTIN\Storage Replica Administrators`},
	{"S-1-5-32-583", "", `BUILTIN\Device Owners`},
	{"S-1-5-64-10", "", `NT AUTHORITY\NTLM Authentication`},
	{"S-1-5-64-14", "", `NT AUTHORITY\SChannel Authentication`},
	{"S-1-5-64-21", "", `NT AUTHORITY\Digest Authentication`},
	{"S-1-5-80-0", "", `NT SERVICE\ALL SERVICES`},
	{"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", "", `NT SERVICE\TrustedInstaller`},
	{"S-1-5-83-0", "", `NT VIRTUAL MACHINE\Virtual Machines`},
	{"S-1-5-84-0-0-0-0-0", "UD", `NT AUTHORITY\USER MODE DRIVERS`},
	{"S-1-5-90-0", "", `Window Manager\Window Manager Group`},
	{"S-1-15-2-1", "AC", `APPLICATION PACKAGE AUTHORITY\ALL APPLICATION PACKAGES`},
	{"S-1-15-2-2", "", `APPLICATION PACKAGE AUTHORITY\ALL RESTRICTED APPLICATION PACKAGES`},
	{"S-1-16-0", "", `Mandatory Label\Untrusted Mandatory Level`},
	{"S-1-16-4096", "LW", `Mandatory Label\Low Mandatory Level`},
	{"S-1-16-8192", "ME", `Mandatory Label\Medium Mandatory Level`},
	{"S-1-16-8448", "MP", `Mandatory Label\Medium Plus Mandatory Level`},
	{"S-1-16-12288", "HI", `Mandatory Label\High Mandatory Level`},
	{"S-1-16-16384", "SI", `Mandatory Label\System Mandatory Level`},
	{"S-1-18-1", "AS", "Authentication authority asserted identity"},
	{"S-1-18-2", "SS", "Service asserted identity"},
}

type knownName struct{ alias, name string }

var known = sync.OnceValue(func() map[SID]knownName {
	m := make(map[SID]knownName, len(wellKnown))
	for _, w := range wellKnown {
		sid, err := ParseSIDString(w.sid)
		if err != nil {
			panic(err)
		}
		m[sid] = knownName{w.alias, w.name}
	}
	return m
})

// WellKnownName is the English name of a SID that is the same on every
// Windows, such as BUILTIN\Administrators; ok is false for other SIDs.
func (s SID) WellKnownName() (name string, ok bool) {
	k, ok := known()[s]
	return k.name, ok
}

// sddl is the SID in SDDL: its alias where it has one of its own. The aliases
// of accounts of a domain (DA, LA, …) are not used: which domain they mean
// depends on the reader.
func (s SID) sddl() string {
	if k := known()[s]; k.alias != "" {
		return k.alias
	}
	return s.String()
}
