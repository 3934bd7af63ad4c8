package testimages

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/testimages/lockgen"
)

// What opens the disks of Locked.
const (
	RecoveryPassword = "135795-246906-000011-720885-111111-222222-333333-444444"
	VolumePassword   = "correct horse, battery"
)

// locks are the kinds that Locked knows.
var locks = map[string]lockgen.Options{
	// As a machine with a TPM has it.
	"recovery": {TPM: true, RecoveryPasswords: []string{RecoveryPassword}},
	// As a data disk has it.
	"password": {Passwords: []string{VolumePassword}, RecoveryPasswords: []string{RecoveryPassword}},
	// A startup key: see LockedBEK.
	"startup key": {Method: lockgen.XTS256, StartupKey: true},
	// Protection is suspended.
	"suspended": {TPM: true, ClearKey: true, RecoveryPasswords: []string{RecoveryPassword}},
	// Windows 7.
	"diffuser": {Method: lockgen.CBC128Diffuser, RecoveryPasswords: []string{RecoveryPassword}},
	// Chunks that hold nothing are not encrypted.
	"used space": {Method: lockgen.XTS128, UsedOnly: true, Chunk: 256 << 10, RegionSize: 7<<20 + 4096, RecoveryPasswords: []string{RecoveryPassword}},
	// Somebody was decrypting it, and paused.
	"half": {Method: lockgen.CBC256, Mark: 15<<20 + 512, State: 3, Next: 1, RecoveryPasswords: []string{RecoveryPassword}},
	// The disk was taken out while it was encrypted.
	"interrupted": {ClearKey: true, Mark: 15 << 20, State: 2, Next: 4, Log: 64 << 10},
	// A TPM only: nobody can open it elsewhere.
	"TPM": {TPM: true},
}

var locked = func() map[string]func() *lockgen.Volume {
	m := map[string]func() *lockgen.Volume{}
	for kind, opt := range locks {
		opt.Seed = kind
		m[kind] = sync.OnceValue(func() *lockgen.Volume {
			return lockgen.Lock(io.NewSectionReader(disk(), windowsOffset, windowsSize), windowsSize, opt)
		})
	}
	return m
}()

// LockedKinds returns the kinds that Locked knows, sorted.
func LockedKinds() []string { return slices.Sorted(maps.Keys(locks)) }

// Locked returns the sample disk with its Windows volume locked by BitLocker,
// and its size; locked.go says what each kind is. It panics when there is none
// of that name.
func Locked(kind string) (io.ReaderAt, int64) {
	d := disk()
	return &lockedDisk{d, LockedVolume(kind)}, d.size
}

// LockedVolume returns the locked volume on the disk of Locked.
func LockedVolume(kind string) *lockgen.Volume {
	f, ok := locked[kind]
	if !ok {
		panic(fmt.Sprintf("testimages: there is no locked disk %q", kind))
	}
	return f()
}

// LockedBEK returns the file that opens the disk of Locked("startup key").
func LockedBEK() []byte { return LockedVolume("startup key").BEK() }

// lockedDisk has another volume in the place of the Windows volume.
type lockedDisk struct {
	disk *image
	v    *lockgen.Volume
}

// ReadAt implements io.ReaderAt.
func (d *lockedDisk) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.disk.ReadAt(p, off)
	from, to := max(off, windowsOffset), min(off+int64(n), windowsOffset+windowsSize)
	if from >= to {
		return n, err
	}
	if _, verr := d.v.ReadAt(p[from-off:to-off], from-windowsOffset); verr != nil {
		return int(from - off), verr
	}
	return n, err
}
