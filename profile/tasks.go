package profile

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Bounds of the search through scheduled tasks. An installation has some
// hundreds, of a few KiB each.
const (
	maxTasks     = 5000
	maxTaskFile  = 64 << 10
	maxTaskDepth = 8
)

// Programs that make a task for each user put the user's SID into its name:
// "OneDrive Standalone Update Task-S-1-5-21-…-1001". The task says in
// <UserId> who it runs as, mostly as DOMAIN\name.
var (
	taskSID  = regexp.MustCompile(`S-1-(5-21|12-1)(-[0-9]{1,10}){4}`)
	taskUser = regexp.MustCompile(`<UserId>([^<]{1,256})</UserId>`)
)

// fromTasks looks an account up among the tasks that have a SID in their
// names.
func (n *names) fromTasks(sid string) identity {
	if n.tasks == nil {
		n.tasks = map[string]identity{}
		dir := winpath.Join(n.sys.Dir, "System32", "Tasks")
		if at, ok := placeOf(n.sys, dir); ok {
			left := maxTasks
			n.readTasks(at, dir, 0, &left)
		}
	}
	return n.tasks[strings.ToUpper(sid)]
}

func (n *names) readTasks(at place, dir string, depth int, left *int) {
	// What cannot be listed has no tasks that could tell.
	children, _ := at.fs.Children(at.entry)
	for _, c := range children {
		if *left--; *left < 0 {
			return
		}
		info, err := at.fs.Info(c)
		if err != nil || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		name := at.fs.Name(c)
		path := winpath.Join(dir, name)
		if info.IsDir() {
			if depth < maxTaskDepth {
				n.readTasks(place{at.fs, c}, path, depth+1, left)
			}
			continue
		}
		sid := taskSID.FindString(strings.ToUpper(name))
		if sid == "" || info.Size > maxTaskFile || info.NotLocal() {
			continue
		}
		b, err := n.sys.ReadFile(path, maxTaskFile)
		if err != nil {
			continue
		}
		if id, ok := taskOwner(b); ok {
			if id.domain == "." || wstr.EqualFold(id.domain, n.sys.ComputerName) {
				id.domain = n.sys.ComputerName
			}
			if _, known := n.tasks[sid]; !known {
				n.tasks[sid] = id
			}
		}
	}
}

// taskOwner reads the account out of the definition of a task, UTF-16 or
// UTF-8.
func taskOwner(b []byte) (identity, bool) {
	if rest, ok := bytes.CutPrefix(b, []byte{0xff, 0xfe}); ok {
		b = []byte(wstr.FromUTF16LE(rest[:len(rest)&^1]))
	}
	m := taskUser.FindSubmatch(b)
	if m == nil {
		return identity{}, false
	}
	id := identity{from: "scheduled task"}
	id.domain, id.name = splitName(strings.TrimSpace(string(m[1])))
	// Tasks of services, and those that name the account by its SID.
	if id.name == "" || strings.HasPrefix(strings.ToUpper(id.name), "S-1-") || strings.ContainsAny(id.name, "&;") {
		return identity{}, false
	}
	if strings.Contains(id.name, "@") {
		id.upn, id.name = id.name, ""
	}
	return id, true
}
