package volumes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/coldstate/coldstate/volumes/bitlocker"
)

// Encryption tells how BitLocker keeps a volume. It holds no keys.
type Encryption struct {
	// ID is the GUID of the volume in the metadata.
	ID string `json:"id"`
	// State is "encrypted", "decrypted", "conversion paused" or "conversion
	// interrupted", Target the state that the conversion leads to.
	State  string `json:"state"`
	Target string `json:"target,omitempty"`
	// Encrypted is how many bytes from the start of the volume are encrypted,
	// when that is not all or none of them.
	Encrypted int64 `json:"encrypted_bytes,omitempty"`
	// UsedSpaceOnly says that parts which held nothing are not encrypted.
	UsedSpaceOnly bool `json:"used_space_only,omitempty"`
	// Method names the cipher: "AES-XTS 128".
	Method string `json:"method,omitempty"`
	// Suspended says that the key lies in the clear beside the data.
	Suspended bool `json:"suspended,omitempty"`
	// Protectors are what opens the volume, Opened the one that did.
	Protectors []bitlocker.Protector `json:"protectors"`
	Opened     *bitlocker.Protector  `json:"opened_by,omitempty"`
	// Problems says what is wrong with BitLocker's own areas.
	Problems []string `json:"problems,omitempty"`
}

// Words names in a few words what a person should know, "" when a volume is
// encrypted as usual.
func (e *Encryption) Words() string {
	switch {
	case e.State == bitlocker.Decrypted:
		return ""
	case e.Suspended:
		return "protection off"
	case e.State == bitlocker.Paused:
		return "BitLocker paused"
	case e.State != bitlocker.Encrypted:
		return "BitLocker half done"
	}
	return ""
}

// Notes says in a sentence each what the state of an open volume means for a
// capture.
func (e *Encryption) Notes() []string {
	var out []string
	for _, p := range e.Problems {
		out = append(out, "BitLocker: "+p)
	}
	if e.State == bitlocker.Paused {
		out = append(out, "is encrypted by BitLocker in part, as a conversion is paused: both parts are read")
	}
	if e.Opened != nil && e.Opened.Kind == bitlocker.ClearKey {
		out = append(out, "is encrypted by BitLocker, but protection is suspended or was never turned on: it opens without a key, for everybody")
	}
	return out
}

// keys are what the volumes of a set are unlocked with.
type keys struct {
	mu      sync.Mutex
	secrets []bitlocker.Secret
	ask     func(*Volume, error) (bitlocker.Secret, bool)
}

// openLocked unlocks a BitLocker volume: after it, Kind and Reader are those of
// what is inside.
func (v *Volume) openLocked() error {
	locked := func(err error, hint string) error {
		return &VolumeError{Volume: v, Err: &lockedError{err}, Hint: hint}
	}
	r := v.Reader()
	b, err := bitlocker.Open(r, v.Size)
	if err != nil {
		return locked(fmt.Errorf("%w; %w", ErrLocked, err), "its BitLocker metadata is lost, or the image is cut: copy the disk again; repair-bde of Windows can help where a key package was kept")
	}
	e := &Encryption{
		ID: b.ID(), State: b.State(), Target: b.Target(), UsedSpaceOnly: b.UsedSpaceOnly(), Method: b.Method(),
		Suspended: b.Suspended(), Protectors: b.Protectors(), Problems: b.Problems(),
	}
	if n := b.EncryptedBytes(); n < v.Size {
		e.Encrypted = n
	}
	v.Encryption = e
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	plain, err := b.Unlock(context.Background(), v.keys.secrets)
	for v.keys.ask != nil && isLocked(err) {
		s, ok := v.keys.ask(v, err)
		if !ok {
			break
		}
		v.keys.secrets = append(v.keys.secrets, s)
		plain, err = b.Unlock(context.Background(), []bitlocker.Secret{s})
	}
	e.Problems, e.Method = b.Problems(), b.Method()
	switch {
	case isLocked(err):
		return locked(err, unlockHint(e.Protectors))
	case err != nil:
		return locked(fmt.Errorf("%w; %w", ErrLocked, err), "")
	}
	if plain.Used.ID != "" {
		e.Opened = &plain.Used
	}
	v.plain = plain
	v.Kind = contentKind(plain, 0, v.Size)
	return nil
}

func isLocked(err error) bool {
	_, ok := errors.AsType[*bitlocker.LockedError](err)
	return ok
}

// unlockHint says what to do with a locked volume.
func unlockHint(list []bitlocker.Protector) string {
	var how []string
	add := func(kind, text string) {
		var ids []string
		for _, p := range list {
			if p.Kind == kind {
				ids = append(ids, strings.ToUpper(p.ID[:8]))
			}
		}
		if len(ids) > 0 {
			how = append(how, fmt.Sprintf(text, strings.Join(ids, " or ")))
		}
	}
	add(bitlocker.RecoveryPassword, "the recovery password with the id %s… (it is kept in the Microsoft account, in Active Directory or Entra, or on paper)")
	add(bitlocker.Password, "the password%.0s")
	add(bitlocker.ExternalKey, "the .BEK file with the id %s…")
	if how == nil {
		return "it opens only in the machine it belongs to: start its Windows and suspend BitLocker there, or add a recovery password to it"
	}
	return "give --unlock " + strings.Join(how, ", or ")
}

// lockedError is an ErrLocked whose text says it once.
type lockedError struct{ error }

func (e *lockedError) Is(target error) bool { return target == ErrLocked }
func (e *lockedError) Unwrap() error        { return e.error }
