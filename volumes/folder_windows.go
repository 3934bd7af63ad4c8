package volumes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Calls that golang.org/x/sys/windows does not have. Each is looked for before
// it is used: Wine and old systems lack some.
var (
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")
	advapi32 = windows.NewLazySystemDLL("advapi32.dll")
	ntdll    = windows.NewLazySystemDLL("ntdll.dll")

	procFindFirstFileEx         = kernel32.NewProc("FindFirstFileExW")
	procFindNextFile            = kernel32.NewProc("FindNextFileW")
	procGetKernelObjectSecurity = advapi32.NewProc("GetKernelObjectSecurity")
	procPlaceholderMode         = ntdll.NewProc("RtlSetProcessPlaceholderCompatibilityMode")
)

const (
	fileReadAttributes   = 0x80
	fileFlagOpenNoRecall = 0x00100000
	shareAll             = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	openSelf             = windows.FILE_FLAG_BACKUP_SEMANTICS | windows.FILE_FLAG_OPEN_REPARSE_POINT | fileFlagOpenNoRecall

	findExInfoStandard    = 0
	findExInfoBasic       = 1 // without 8.3 names
	findExSearchNameMatch = 0
	findFirstExLargeFetch = 2

	fsctlQueryAllocatedRanges = 0x000940CF
	errorMoreData             = windows.ERROR_MORE_DATA
)

// findData is WIN32_FIND_DATAW.
type findData struct {
	attr                        uint32
	created, accessed, modified windows.Filetime
	sizeHigh, sizeLow           uint32
	reparse, reserved           uint32
	name                        [windows.MAX_PATH]uint16
	shortName                   [14]uint16
}

// hostState: Windows keeps everything itself.
type hostState struct{ label string }

// prepare gets the process the right to read what its user may not, and to
// see files of cloud providers as they are. Without it, less can be read.
var prepare = sync.OnceFunc(func() {
	const exposePlaceholders = 2 // PHCM_EXPOSE_PLACEHOLDERS
	if procPlaceholderMode.Find() == nil {
		procPlaceholderMode.Call(exposePlaceholders)
	}
	for _, name := range [...]string{"SeBackupPrivilege", "SeSecurityPrivilege"} {
		_ = enablePrivilege(name)
	}
})

func enablePrivilege(name string) error {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	var luid windows.LUID
	if err := windows.LookupPrivilegeValue(nil, p, &luid); err != nil {
		return err
	}
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, &token); err != nil {
		return err
	}
	defer token.Close()
	tp := windows.Tokenprivileges{PrivilegeCount: 1}
	tp.Privileges[0] = windows.LUIDAndAttributes{Luid: luid, Attributes: windows.SE_PRIVILEGE_ENABLED}
	return windows.AdjustTokenPrivileges(token, false, &tp, 0, nil, nil)
}

// winPath is the path of e in the form that has no limit of 260 characters and
// in which no name has a meaning.
func (f *folder) winPath(e Entry) string { return longPath(f.path(e)) }

func longPath(path string) string {
	switch {
	case strings.HasPrefix(path, `\\?\`), strings.HasPrefix(path, `\\.\`):
		return path
	case strings.HasPrefix(path, `\\`):
		return `\\?\UNC` + path[1:]
	}
	return `\\?\` + path
}

// utf16z is s as Windows takes it. It keeps lone surrogates.
func utf16z(s string) (*uint16, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, windows.ERROR_INVALID_NAME
	}
	u := append(wstr.ToUTF16(s), 0)
	return &u[0], nil
}

// open opens e itself, never what it links to.
func (f *folder) open(e Entry, access uint32) (windows.Handle, error) {
	return openPath(f.winPath(e), access)
}

func openPath(path string, access uint32) (windows.Handle, error) {
	if strings.HasSuffix(path, ":") { // `\\?\D:` is the volume, not its root folder
		path += `\`
	}
	p, err := utf16z(path)
	if err != nil {
		return windows.InvalidHandle, err
	}
	return windows.CreateFile(p, access, shareAll, nil, windows.OPEN_EXISTING, openSelf, 0)
}

func (f *folder) hostOpen() error {
	prepare()
	h, err := f.open(rootEntry, fileReadAttributes)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	var label [windows.MAX_PATH + 1]uint16
	if windows.GetVolumeInformationByHandle(h, &label[0], uint32(len(label)), nil, nil, nil, nil, 0) == nil {
		f.host.label = wstr.FromUTF16(untilNUL(label[:]))
	}
	return nil
}

func (f *folder) hostLabel() string { return f.host.label }

func untilNUL(u []uint16) []uint16 {
	for i, c := range u {
		if c == 0 {
			return u[:i]
		}
	}
	return u
}

func (f *folder) hostNames(dir Entry) ([]string, error) {
	// Listing a junction would list what it points to. Other reparse points
	// that are folders (OneDrive's) hold their own children.
	i, err := f.hostInfo(dir)
	if err != nil {
		return nil, err
	}
	if winfs.IsNameSurrogate(i.Reparse) && dir != rootEntry {
		return nil, nil
	}
	p, err := utf16z(strings.TrimSuffix(f.winPath(dir), `\`) + `\*`)
	if err != nil {
		return nil, err
	}
	var d findData
	find := func(level, flags uintptr) (windows.Handle, error) {
		h, _, err := procFindFirstFileEx.Call(uintptr(unsafe.Pointer(p)), level, uintptr(unsafe.Pointer(&d)), findExSearchNameMatch, 0, flags)
		if windows.Handle(h) == windows.InvalidHandle {
			return windows.InvalidHandle, err
		}
		return windows.Handle(h), nil
	}
	h, err := find(findExInfoBasic, findFirstExLargeFetch)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) { // before Windows 7
		h, err = find(findExInfoStandard, 0)
	}
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND): // an empty root
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer windows.FindClose(h)
	var names []string
	for {
		if name := wstr.FromUTF16(untilNUL(d.name[:])); name != "." && name != ".." {
			names = append(names, name)
		}
		if ok, _, err := procFindNextFile.Call(uintptr(h), uintptr(unsafe.Pointer(&d))); ok == 0 {
			if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
				return names, nil
			}
			return names, err
		}
	}
}

func filetime(t windows.Filetime) wstr.Filetime {
	return wstr.Filetime(uint64(t.HighDateTime)<<32 | uint64(t.LowDateTime))
}

func (f *folder) hostInfo(e Entry) (Info, error) {
	h, err := f.open(e, fileReadAttributes)
	if err != nil {
		return f.listedInfo(e, err)
	}
	defer windows.CloseHandle(h)
	var b windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &b); err != nil {
		return f.listedInfo(e, err)
	}
	i := Info{
		File: FileID(uint64(b.FileIndexHigh)<<32 | uint64(b.FileIndexLow)),
		Size: int64(uint64(b.FileSizeHigh)<<32 | uint64(b.FileSizeLow)), Start: -1,
		Attr: b.FileAttributes, Links: max(1, int(b.NumberOfLinks)),
		Created: filetime(b.CreationTime), Modified: filetime(b.LastWriteTime), Accessed: filetime(b.LastAccessTime),
	}
	var basic [40]byte // FILE_BASIC_INFO
	if windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, &basic[0], uint32(len(basic))) == nil {
		i.Changed = wstr.Filetime(binary.LittleEndian.Uint64(basic[24:]))
	}
	var tag [8]byte // FILE_ATTRIBUTE_TAG_INFO
	if i.Attr&winfs.AttrReparse != 0 && windows.GetFileInformationByHandleEx(h, windows.FileAttributeTagInfo, &tag[0], uint32(len(tag))) == nil {
		i.Reparse = binary.LittleEndian.Uint32(tag[4:])
	}
	if streams, err := streamsOf(h); err == nil {
		i.Streams = len(streams)
	}
	f.setMode(&i)
	if i.Attr&winfs.AttrSparse != 0 && i.Size > 0 && !i.IsDir() {
		if holes, ok := holesOf(h, i.Size); ok {
			if len(holes) == 1 && holes[0].Len == i.Size {
				i.Mode |= winfs.Absent
			}
			if cloud(&i) {
				i.Missing = 0
				for _, x := range holes {
					i.Missing += x.Len
				}
			}
		}
	}
	return i, nil
}

// listedInfo is what the folder tells of an entry that does not let itself be
// opened.
func (f *folder) listedInfo(e Entry, cause error) (Info, error) {
	p, err := utf16z(f.winPath(e))
	if err != nil {
		return Info{}, err
	}
	var d findData
	h, _, _ := procFindFirstFileEx.Call(uintptr(unsafe.Pointer(p)), findExInfoStandard, uintptr(unsafe.Pointer(&d)), findExSearchNameMatch, 0, 0)
	if windows.Handle(h) == windows.InvalidHandle {
		return Info{}, cause
	}
	windows.FindClose(windows.Handle(h))
	i := Info{
		Size: int64(uint64(d.sizeHigh)<<32 | uint64(d.sizeLow)), Start: -1, Attr: d.attr, Links: 1,
		Created: filetime(d.created), Modified: filetime(d.modified), Accessed: filetime(d.accessed),
	}
	if i.Attr&winfs.AttrReparse != 0 {
		i.Reparse = d.reparse
	}
	f.setMode(&i)
	return i, nil
}

func (f *folder) setMode(i *Info) {
	if i.IsDir() {
		i.Size, i.Links = 0, 1
		return
	}
	for _, m := range [...]struct {
		attr uint32
		mode Mode
	}{{winfs.AttrCompressed, winfs.Compressed}, {winfs.AttrSparse, winfs.Sparse}, {winfs.AttrEncrypted, winfs.Encrypted}} {
		if i.Attr&m.attr != 0 {
			i.Mode |= m.mode
		}
	}
	// What the provider's driver says stands where the clusters do not show.
	if cloud(i) && i.Attr&(winfs.AttrRecallOnDataAccess|winfs.AttrOffline) != 0 {
		i.Missing = i.Size
	}
}

// cloud says whether the content of a file may be with a cloud provider.
func cloud(i *Info) bool { return winfs.IsCloudTag(i.Reparse) || winfs.IsArchiveTag(i.Reparse) }

// maxStreamList is the most that is read of a list of streams.
const maxStreamList = 16 << 20

// streamsOf lists the named streams. FindFirstStreamW gives the same, but
// opens the file by its own rules, through links.
func streamsOf(h windows.Handle) ([]StreamInfo, error) {
	for size := 4 << 10; size <= maxStreamList; size *= 8 {
		b := make([]byte, size)
		err := windows.GetFileInformationByHandleEx(h, windows.FileStreamInfo, &b[0], uint32(size))
		switch {
		case err == nil:
			return parseStreams(b)
		case errors.Is(err, errorMoreData), errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER):
			continue
		case errors.Is(err, windows.ERROR_HANDLE_EOF):
			return nil, nil // no stream at all: folders
		case errors.Is(err, windows.ERROR_INVALID_PARAMETER), errors.Is(err, windows.ERROR_NOT_SUPPORTED),
			errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED), errors.Is(err, windows.ERROR_INVALID_FUNCTION), errors.Is(err, windows.ERROR_INVALID_LEVEL):
			return nil, nil // a file system, or a Wine, without streams
		}
		return nil, err
	}
	return nil, fmt.Errorf("the list of streams is longer than %d bytes", maxStreamList)
}

// parseStreams reads FILE_STREAM_INFO structures ([MS-FSCC] 2.4.43).
func parseStreams(b []byte) ([]StreamInfo, error) {
	var list []StreamInfo
	for {
		r := le.New(b, 0)
		next, n := r.Uint32(), r.Uint32()
		size := r.Int64()
		r.Skip(8)
		if n > uint32(len(b)) {
			return list, io.ErrUnexpectedEOF
		}
		name := wstr.FromUTF16LE(r.Bytes(int(n)))
		if r.Err() != nil {
			return list, r.Err()
		}
		if name, ok := strings.CutSuffix(name, ":$DATA"); ok && len(name) > 1 {
			list = append(list, StreamInfo{Name: name[1:], Size: size, Start: -1})
		}
		if next == 0 {
			return list, nil
		}
		if next < 24 || uint64(next) > uint64(len(b)) {
			return list, io.ErrUnexpectedEOF
		}
		b = b[next:]
	}
}

func (f *folder) hostStreams(e Entry) ([]StreamInfo, error) {
	h, err := f.open(e, fileReadAttributes)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h)
	return streamsOf(h)
}

func (f *folder) hostReparse(e Entry) ([]byte, error) {
	h, err := f.open(e, fileReadAttributes)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h)
	b := make([]byte, windows.MAXIMUM_REPARSE_DATA_BUFFER_SIZE)
	var n uint32
	err = windows.DeviceIoControl(h, windows.FSCTL_GET_REPARSE_POINT, nil, 0, &b[0], uint32(len(b)), &n, nil)
	if errors.Is(err, windows.ERROR_NOT_A_REPARSE_POINT) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b[:min(int(n), len(b))]), nil
}

func (f *folder) hostSecurity(e Entry) ([]byte, error) {
	if procGetKernelObjectSecurity.Find() != nil {
		return nil, nil
	}
	const ownerGroupDACL = windows.OWNER_SECURITY_INFORMATION | windows.GROUP_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION
	// The audit entries need a privilege that not even each administrator has.
	what := uintptr(ownerGroupDACL | windows.SACL_SECURITY_INFORMATION)
	h, err := f.open(e, windows.READ_CONTROL|windows.ACCESS_SYSTEM_SECURITY)
	if err != nil {
		what = ownerGroupDACL
		if h, err = f.open(e, windows.READ_CONTROL); err != nil {
			return nil, err
		}
	}
	defer windows.CloseHandle(h)
	b := make([]byte, 1<<10)
	for {
		var need uint32
		ok, _, err := procGetKernelObjectSecurity.Call(uintptr(h), what, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&need)))
		const maxDescriptor = 256 << 10 // two lists of 64 KiB, and room
		switch {
		case ok != 0:
			// What is needed is told on success as well, by most systems.
			return descriptorOf(b), nil
		case errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) && int64(need) > int64(len(b)) && need <= maxDescriptor:
			b = make([]byte, need)
		case errors.Is(err, windows.ERROR_NOT_SUPPORTED), errors.Is(err, windows.ERROR_INVALID_FUNCTION), errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED):
			return nil, nil // FAT, or a Wine without the call
		default:
			return nil, err
		}
	}
}

// descriptorOf cuts a self-relative descriptor to its length.
func descriptorOf(b []byte) []byte {
	sd := (*windows.SECURITY_DESCRIPTOR)(unsafe.Pointer(&b[0]))
	if !sd.IsValid() {
		return nil
	}
	return bytes.Clone(b[:min(len(b), int(sd.Length()))])
}

// regular is an open stream.
type regular struct {
	*os.File
	size  int64
	holes []Extent
}

func (r *regular) Size() int64     { return r.size }
func (r *regular) Holes() []Extent { return r.holes }

func (f *folder) hostOpenStream(e Entry, stream string) (hostFile, error) {
	path := f.winPath(e)
	if stream != "" {
		if e == rootEntry && strings.HasSuffix(path, ":") {
			path += `\`
		}
		path += ":" + stream + ":$DATA"
	}
	h, err := openPath(path, windows.GENERIC_READ)
	if err != nil {
		if stream != "" && (errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_INVALID_NAME)) {
			err = fmt.Errorf("stream %s: %w", stream, ErrNotFound)
		}
		return nil, err
	}
	var b windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &b); err != nil {
		windows.CloseHandle(h)
		return nil, err
	}
	if stream == "" && b.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		windows.CloseHandle(h)
		return nil, fmt.Errorf("a folder has no content: %w", ErrUnsupported)
	}
	var standard [24]byte // FILE_STANDARD_INFO: of the stream, where the other is of the file
	size := int64(uint64(b.FileSizeHigh)<<32 | uint64(b.FileSizeLow))
	if windows.GetFileInformationByHandleEx(h, windows.FileStandardInfo, &standard[0], uint32(len(standard))) == nil {
		size = int64(binary.LittleEndian.Uint64(standard[8:]))
	}
	r := &regular{File: os.NewFile(uintptr(h), path), size: size}
	if b.FileAttributes&winfs.AttrSparse != 0 {
		r.holes, _ = holesOf(h, size)
	}
	return r, nil
}

// maxHoles bounds the list for files that are more holes than data.
const maxHoles = 1 << 16

// holesOf lists the parts of a sparse stream that have no clusters. ok is
// false when the file system does not tell.
func holesOf(h windows.Handle, size int64) (holes []Extent, ok bool) {
	at := int64(0)
	for at < size && len(holes) < maxHoles {
		var in [16]byte
		binary.LittleEndian.PutUint64(in[0:], uint64(at))
		binary.LittleEndian.PutUint64(in[8:], uint64(size-at))
		var out [16 * 256]byte
		var n uint32
		err := windows.DeviceIoControl(h, fsctlQueryAllocatedRanges, &in[0], uint32(len(in)), &out[0], uint32(len(out)), &n, nil)
		if err != nil && !errors.Is(err, errorMoreData) {
			return nil, false
		}
		before := at
		for b := out[:min(int(n), len(out))]; len(b) >= 16; b = b[16:] {
			off, length := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
			if off < at || length <= 0 || off > size || length > size-off {
				length = min(length, size-off)
				if off < at || length <= 0 {
					continue
				}
			}
			if off > at {
				holes = append(holes, Extent{Off: at, Len: off - at, Pos: -1})
			}
			at = off + length
		}
		if err == nil || at == before {
			break
		}
	}
	if at < size && len(holes) < maxHoles {
		holes = append(holes, Extent{Off: at, Len: size - at, Pos: -1})
	}
	return holes, true
}
