//go:build !windows

package volumes

// HostDrives lists the drives of the host. Only Windows has drives.
func HostDrives() []HostDrive { return nil }
