package winsec

// Bits of Descriptor.Control about a part that Strip may take out: whether it
// was made by default, and whether the DACL is to be trusted.
const (
	ownerDefaulted = 0x0001
	groupDefaulted = 0x0002
	daclDefaulted  = 0x0008
	saclDefaulted  = 0x0020
	daclTrusted    = 0x0040
)

// Strip takes the parts out that are named: the descriptor then has no owner,
// no group, or a list that is not present.
func (d *Descriptor) Strip(owner, group, dacl, sacl bool) {
	if owner {
		d.Owner = nil
		d.Control &^= ownerDefaulted
	}
	if group {
		d.Group = nil
		d.Control &^= groupDefaulted
	}
	if dacl {
		d.DACL = nil
		d.Control &^= DACLPresent | DACLAutoInherit | DACLAutoInherited | DACLProtected | daclDefaulted | daclTrusted
	}
	if sacl {
		d.SACL = nil
		d.Control &^= SACLPresent | SACLAutoInherit | SACLAutoInherited | SACLProtected | saclDefaulted
	}
}
