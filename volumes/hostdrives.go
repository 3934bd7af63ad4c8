package volumes

// HostDrive says which partition is behind a drive of the host, as the table
// of its disk names it.
type HostDrive struct {
	Root string // `E:\`
	// GUID is that of a GPT partition, in the byte order of the table; zero
	// for others.
	GUID [16]byte
	// Signature is that of an MBR disk, 0 for others; Offset is the first
	// byte of the partition on it.
	Signature uint32
	Offset    int64
}
