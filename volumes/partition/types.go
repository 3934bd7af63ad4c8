package partition

import (
	"encoding/binary"
	"fmt"
)

// typeOfGUID names a GPT partition type; g is in the byte order of the disk.
func typeOfGUID(g [16]byte) string {
	s := GUIDString(g)
	if name, ok := gptTypes[s]; ok {
		return name
	}
	return s
}

// GUIDString writes a GUID that is in the byte order of the disk, in upper
// case and without braces.
func GUIDString(g [16]byte) string {
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X",
		binary.LittleEndian.Uint32(g[0:]), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
}

// Types that tell what becomes of a partition.
const (
	TypeEFI           = "EFI system"
	TypeReserved      = "Microsoft reserved"
	TypeLDMMetadata   = "dynamic disk metadata (LDM)"
	TypeLDMData       = "dynamic disk (LDM)"
	TypeStorageSpaces = "Storage Spaces"
	TypeBIOSBoot      = "BIOS boot"
)

// gptTypes names the types that occur beside Windows (UEFI 5.3.3; Microsoft's
// PARTITION_INFORMATION_GPT; the Discoverable Partitions Specification).
var gptTypes = map[string]string{
	"C12A7328-F81F-11D2-BA4B-00A0C93EC93B": TypeEFI,
	"024DEE41-33E7-11D3-9D69-0008C781F39F": "MBR inside GPT",
	"E3C9E316-0B5C-4DB8-817D-F92DF00215AE": TypeReserved,
	"EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "basic data",
	"DE94BBA4-06D1-4D40-A16A-BFD50179D6AC": "Windows RE",
	"5808C8AA-7E8F-42E0-85D2-E1E90434CFB3": TypeLDMMetadata,
	"AF9B60A0-1431-4F62-BC68-3311714A69AD": TypeLDMData,
	"E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D": TypeStorageSpaces,
	"558D43C5-A1AC-43C0-AAC8-D1472B2923D1": "storage replica",
	"37AFFC90-EF7D-4E96-91C3-2D7AE055B174": "IBM GPFS",
	"21686148-6449-6E6F-744E-656564454649": TypeBIOSBoot,
	"D3BFE2DE-3DAF-11DF-BA40-E3A556D89593": "Intel Rapid Start",
	"F4019732-066E-4E12-8273-346C5641494F": "Sony boot",
	"BFBFAFE7-A34F-448A-9A5B-6213EB736C22": "Lenovo boot",
	"0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux",
	"4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709": "Linux root",
	"933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "Linux home",
	"BC13C2FF-59E6-4262-A352-B275FD6F7172": "Linux boot",
	"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": "Linux swap",
	"A19D880F-05FC-4D3B-A006-743F0F84911E": "Linux RAID",
	"E6D6D379-F507-44C2-A23C-238F2A3DF928": "Linux LVM",
	"CA7D7CCB-63ED-4C53-861C-1742536059CC": "Linux LUKS",
	"48465300-0000-11AA-AA11-00306543ECAC": "Apple HFS",
	"7C3457EF-0000-11AA-AA11-00306543ECAC": "Apple APFS",
}
