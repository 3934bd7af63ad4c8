// Package bitlocker reads volumes that BitLocker has encrypted: it finds the
// metadata, unlocks them with what a person has (a recovery password, a
// password, a .BEK file) or with the clear key of a suspended volume, and gives
// the plain bytes. It only reads, asks nobody, and keeps keys to itself.
//
// Source: the libbde documentation of the format
// (https://github.com/libyal/libbde), and volumes of Windows Vista to 11.
package bitlocker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Where the name of the system stands in a boot sector. Removable disks (To Go)
// look like FAT to a Windows without BitLocker.
const (
	signature = "-FVE-FS-"
	togo      = "MSWIN4.1"
)

// Identifiers in the boot sector, in the byte order of the disk; offsets of
// the metadata follow.
var (
	fveGUID = []byte("\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01")
	// eowGUID marks volumes that are encrypted on write: only used space is.
	eowGUID = []byte("\x3B\x4D\xA8\x92\x80\xDD\x0E\x4D\x9E\x4E\xB1\xE3\x28\x4E\xAE\xD8")
)

// Probe says whether sector, the first 512 bytes of a volume, is that of a
// BitLocker volume.
func Probe(sector []byte) bool {
	if len(sector) < 512 {
		return false
	}
	switch string(sector[3:11]) {
	case signature:
		return true
	case togo:
		return bytes.Contains(sector[:512], fveGUID) || bytes.Contains(sector[:512], eowGUID)
	}
	return false
}

// A FormatError says that the metadata of a volume cannot be used.
type FormatError struct {
	Off  int64 // in the volume, -1 when it is no place
	What string
}

func (e *FormatError) Error() string {
	if e.Off < 0 {
		return "BitLocker: " + e.What
	}
	return fmt.Sprintf("BitLocker: offset %#x: %s", e.Off, e.What)
}

// Kinds of protectors: what can open a volume.
const (
	ClearKey         = "clear key"
	TPM              = "TPM"
	ExternalKey      = "startup key"
	TPMAndPIN        = "TPM and PIN"
	TPMAndKey        = "TPM and startup key"
	TPMAndPINAndKey  = "TPM, PIN and startup key"
	RecoveryPassword = "recovery password"
	Certificate      = "certificate"
	Password         = "password"
)

// kinds are the values of the metadata. Other combinations occur.
var kinds = map[uint16]string{
	0x0000: ClearKey, 0x0100: TPM, 0x0200: ExternalKey, 0x0300: TPMAndKey, 0x0500: TPMAndPIN,
	0x0700: TPMAndPINAndKey, 0x0800: RecoveryPassword, 0x1000: Certificate, 0x2000: Password,
}

// Protector is one of the keys of a volume, without its secret.
type Protector struct {
	// ID is the GUID by which a recovery password is looked up in a directory
	// or a Microsoft account.
	ID      string        `json:"id"`
	Kind    string        `json:"kind"`
	Name    string        `json:"name,omitempty"`
	Changed wstr.Filetime `json:"-"`
}

// States of a volume. A volume that was taken away while it was converted is
// interrupted: what it was at may be half converted.
const (
	Decrypted   = "decrypted"
	Encrypted   = "encrypted"
	Paused      = "conversion paused"
	Interrupted = "conversion interrupted"
)

// The states of the metadata: 2 has a log of what is converted, 5 has none.
const (
	stateDecrypted = 1
	stateDirty     = 2
	statePaused    = 3
	stateEncrypted = 4
	stateSwitching = 5
)

var states = map[uint16]string{stateDecrypted: Decrypted, stateDirty: Interrupted, statePaused: Paused, stateEncrypted: Encrypted, stateSwitching: Interrupted}

// methods are the ciphers.
const (
	methodCBC128Diffuser = 0x8000 + iota
	methodCBC256Diffuser
	methodCBC128
	methodCBC256
	methodXTS128
	methodXTS256
)

var methodNames = map[uint16]string{
	methodCBC128Diffuser: "AES-CBC 128 with Elephant diffuser", methodCBC256Diffuser: "AES-CBC 256 with Elephant diffuser",
	methodCBC128: "AES-CBC 128", methodCBC256: "AES-CBC 256", methodXTS128: "AES-XTS 128", methodXTS256: "AES-XTS 256",
}

// Volume is a BitLocker volume whose metadata has been read.
type Volume struct {
	r      io.ReaderAt
	size   int64
	sector int64
	boot   [512]byte
	meta   metadata
	// usedOnly says that only used space is encrypted. eow tells which; it is
	// nil for other volumes and where a decrypted one has lost it.
	usedOnly bool
	eow      *eow

	problems []string
}

// Open reads the metadata of the volume in the first size bytes of r.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	v := &Volume{r: r, size: size}
	if size < 1<<16 {
		return nil, &FormatError{-1, fmt.Sprintf("a volume of %d bytes", size)}
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, 512), v.boot[:]); err != nil {
		return nil, fmt.Errorf("BitLocker: the boot sector: %w", err)
	}
	if !Probe(v.boot[:]) {
		return nil, &FormatError{0, "the boot sector is not one of BitLocker"}
	}
	v.sector = int64(binary.LittleEndian.Uint16(v.boot[11:]))
	switch v.sector {
	case 512, 1024, 2048, 4096:
	default:
		return nil, &FormatError{11, fmt.Sprintf("sectors of %d bytes", v.sector)}
	}
	if err := v.findMetadata(); err != nil {
		return nil, err
	}
	return v, nil
}

// Size is the length of the volume in bytes.
func (v *Volume) Size() int64 { return v.size }

// ID is the GUID of the volume.
func (v *Volume) ID() string { return guid(v.meta.volumeID) }

// State is one of the states.
func (v *Volume) State() string {
	if s, ok := states[v.meta.state]; ok {
		return s
	}
	return fmt.Sprintf("state %d", v.meta.state)
}

// Target is the state that a conversion leads to, Encrypted or Decrypted; ""
// when there is none.
func (v *Volume) Target() string {
	if v.meta.next == v.meta.state {
		return ""
	}
	switch s := states[v.meta.next]; s {
	case Encrypted, Decrypted:
		return s
	}
	return ""
}

// EncryptedBytes is how many bytes from the start of the volume are encrypted:
// all of them, none, or as far as a conversion has come. It says nothing of a
// volume whose used space only is encrypted.
func (v *Volume) EncryptedBytes() int64 {
	if v.meta.state == stateDecrypted {
		return 0
	}
	return min(v.meta.watermark, v.size)
}

// Method names the cipher; "" for a volume that is decrypted.
func (v *Volume) Method() string {
	if name, ok := methodNames[v.meta.method]; ok || v.meta.method == 0 {
		return name
	}
	return foreign(v.meta.method)
}

// foreign names a method that is none of BitLocker's ciphers. Which ones drives
// with hardware encryption (eDrive) have is not documented.
func foreign(method uint16) string {
	return fmt.Sprintf("hardware encryption by the drive, or a cipher that is not known (%#x)", method)
}

// UsedSpaceOnly says whether only used space is encrypted.
func (v *Volume) UsedSpaceOnly() bool { return v.usedOnly }

// Suspended says whether the key lies in the clear beside the data, so that
// the volume opens without a secret.
func (v *Volume) Suspended() bool {
	for i := range v.meta.vmks {
		if len(v.meta.vmks[i].clear) > 0 {
			return true
		}
	}
	return false
}

// Protectors lists what can open the volume.
func (v *Volume) Protectors() []Protector {
	out := make([]Protector, len(v.meta.vmks))
	for i := range v.meta.vmks {
		out[i] = v.meta.vmks[i].Protector
	}
	return out
}

// Problems lists, in sentences, what is wrong with the metadata, and what may
// not be current.
func (v *Volume) Problems() []string { return v.problems }

func (v *Volume) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// guid is the text of 16 bytes in Microsoft's mixed order.
func guid(b [16]byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", le.Uint32(b[:]), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:])
}
