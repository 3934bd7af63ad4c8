package testimages

import "github.com/coldstate/coldstate/testimages/hivegen"

// Identities on the sample disk.
const (
	MachineSID = "S-1-5-21-3623811015-3361044348-30300820"
	AnnaSID    = MachineSID + "-1001"
	BobSID     = MachineSID + "-1002" // ProfileList key ends in .bak
	ZoeSID     = MachineSID + "-1003" // NTUSER.DAT is damaged
	DomainSID  = "S-1-5-21-1175424131-2081745862-839522115-1604"
	ScannerSID = MachineSID + "-1010" // the group "Scanner operators"

	ComputerName = "COLD-PC"

	// WindowsPartition is the GUID of the NTFS partition, as sgdisk prints it.
	WindowsPartition = "01234567-89AB-CDEF-0123-456789ABCDEF"
)

// SAM returns the accounts of the sample disk, as its hive SAM holds them.
func SAM() *hivegen.SAM {
	const passwordSet = 133500000000000000
	return &hivegen.SAM{
		MachineSID: MachineSID,
		Users: []hivegen.User{
			{RID: 500, Name: "Administrator", Comment: "Built-in account for administering the computer/domain", Control: 0x211},
			{RID: 501, Name: "Guest", Comment: "Built-in account for guest access to the computer/domain", Control: 0x215},
			{RID: 503, Name: "DefaultAccount", Comment: "A user account managed by the system.", Control: 0x215},
			{
				RID: 1001, Name: "anna", FullName: "Anna Ünal", InternetName: "anna@example.com",
				LastLogon: 133601000000000000, PasswordSet: passwordSet, Logons: 211,
			},
			{
				RID: 1002, Name: "Bob Smith", FullName: "Bob Smith", Comment: "Workshop", HomeDrive: "H:", HomeDir: `\\fs01\home\bob`,
				LogonScript: "logon.cmd", LastLogon: 133590000000000000, PasswordSet: passwordSet, Logons: 17,
			},
			{RID: 1003, Name: "zoë", FullName: "Zoë Łukasz", Control: 0x210, LastLogon: 133400000000000000, PasswordSet: passwordSet, Logons: 3},
		},
		Builtin: []hivegen.Group{
			{RID: 544, Name: "Administrators", Description: "Administrators have complete and unrestricted access to the computer/domain", Members: []string{MachineSID + "-500", AnnaSID, "S-1-5-21-1175424131-2081745862-839522115-512"}},
			{RID: 545, Name: "Users", Members: []string{"S-1-5-4", "S-1-5-11", AnnaSID, BobSID, ZoeSID, "S-1-5-21-1175424131-2081745862-839522115-513"}},
			{RID: 546, Name: "Guests", Members: []string{MachineSID + "-501"}},
			{RID: 555, Name: "Remote Desktop Users", Members: []string{BobSID, DomainSID}},
			{RID: 581, Name: "System Managed Accounts Group", Members: []string{MachineSID + "-503"}},
		},
		Aliases: []hivegen.Group{
			{RID: 1010, Name: "Scanner operators", Description: "May use the scanner", Members: []string{BobSID, ZoeSID}},
		},
	}
}

// Secrets returns every run of bytes that stands for password material on the
// sample disk: in SAM, SECURITY, their logs and their copies. Nothing the
// program writes may hold any of them.
func Secrets() [][]byte {
	s := SAM().Secrets()
	for _, name := range []string{secretLSA, secretCached, secretLog} {
		s = append(s, hivegen.Marker(name, 64))
	}
	return s
}

const (
	secretLSA    = "LSA secret"
	secretCached = "cached logon"
	secretLog    = "left in SAM.LOG1"
)

// Security returns the tree of the hive SECURITY.
func Security() *hivegen.Key {
	root := hivegen.K("SECURITY")
	root.At(`Policy\Secrets\DefaultPassword\CurrVal`).Add(hivegen.V("", hivegen.None, hivegen.Marker(secretLSA, 64)))
	root.At(`Cache`).Add(hivegen.B("NL$1", hivegen.Marker(secretCached, 64)))
	return root
}

// SAMLog returns the content of SAM.LOG1: a valid header without entries, and
// older bytes behind it.
func SAMLog() []byte {
	log := append([]byte(nil), SAM().Hive()[:512]...)
	log[28] = 6
	hivegen.PutChecksum(log)
	return append(log, append(make([]byte, 512), hivegen.Marker(secretLog, 64)...)...)
}
