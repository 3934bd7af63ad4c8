package ntfs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

const (
	rootRecord   = 5
	extendRecord = 11
	// firstReserved and firstUser: records below 16 are metadata files, below
	// 24 are kept for more of them and have no name.
	firstReserved = 16
	firstUser     = 24
	// maxDepth bounds the folders above a file; Windows stops at 32767
	// characters, in practice at 260.
	maxDepth = 1000
	noParent = math.MaxUint32
)

// tree is the folders of the volume.
type tree struct {
	root    uint32 // index in index.files
	orphans uint32 // of the folder for them, noParent when there are none
	// kids holds the entries of each folder side by side.
	kids []winfs.Entry
	// meta are the metadata files in the root folder.
	meta []winfs.Entry
	// extend are the files of $Extend when that is gone, in order: they are no
	// one's data, and no orphans.
	extend []uint32

	sortMu sync.Mutex
	sorted []atomic.Uint32 // a bit for each file that is a folder
}

// extends says whether a file is one of $Extend when that is gone.
func (t *tree) extends(i uint32) bool {
	_, ok := slices.BinarySearch(t.extend, i)
	return ok
}

// build makes the tree from the links, whose parents are record numbers
// before and files after.
func (fs *FS) build() {
	x, t := &fs.x, &fs.tree
	x.makeRank()
	t.orphans = noParent

	rootSeq := fs.findRoot()
	fs.rebuild()
	for i := range x.files.n {
		if f := x.files.at(i); f.links == 0 && f.num >= firstUser && f.flags&flagMadeUp == 0 {
			// Its content may be all that is left of someone's work.
			fs.problem(recordName(f.num), "in use, but it has no name")
			x.hurt(i, "the name is gone")
			if name, ok := x.names.add(nil); ok {
				f.links++
				x.links.add(link{file: i, parent: noParent, name: name})
			}
		}
	}
	x.names.seal()

	for e := range x.links.n {
		l := x.links.at(e)
		p, ok := uint32(0), false
		switch {
		case l.file == t.root:
			p, ok = t.root, true
		case l.parent == rootRecord:
			p, ok = t.root, rootSeq == 0 || l.seq == rootSeq
		case l.parent != noParent:
			if p, ok = x.find(uint64(l.parent)); !ok {
				p, ok = fs.findLost(l.parent)
			}
			if ok {
				f := x.files.at(p)
				ok = f.flags&flagDir != 0 && f.seq == l.seq
			}
		}
		switch {
		case ok:
			l.parent = p
		case l.parent == extendRecord:
			t.extend = append(t.extend, l.file)
			l.parent = noParent
		default:
			l.parent = noParent
		}
	}
	slices.Sort(t.extend)
	dropped := fs.homes()
	fs.reach()
	fs.adopt()

	// Count, lay out, fill.
	count := func(each func(e uint32, parent *file)) {
		for e := range x.links.n {
			l := x.links.at(e)
			f := x.files.at(l.file)
			if l.file == t.root || l.parent == noParent || f.flags&flagDir != 0 && f.place != e {
				continue
			}
			if l.parent == t.root && f.num < firstReserved {
				continue
			}
			each(e, x.files.at(l.parent))
		}
	}
	for i := range x.files.n {
		if f := x.files.at(i); f.flags&flagDir != 0 {
			f.size = 0
		}
	}
	total := uint32(0)
	count(func(_ uint32, p *file) {
		first, n := p.children()
		p.setChildren(first, n+1)
		total++
	})
	at := uint32(0)
	for i := range x.files.n {
		if f := x.files.at(i); f.flags&flagDir != 0 {
			_, n := f.children()
			f.setChildren(at, 0)
			at += n
		}
	}
	t.kids = make([]winfs.Entry, total)
	count(func(e uint32, p *file) {
		first, n := p.children()
		t.kids[first+n] = winfs.Entry(e)
		p.setChildren(first, n+1)
	})
	for e := range x.links.n {
		if l := x.links.at(e); l.parent == t.root && l.file != t.root && x.files.at(l.file).num < firstReserved {
			t.meta = append(t.meta, winfs.Entry(e))
		}
	}
	fs.sortKids(t.meta)
	t.sorted = make([]atomic.Uint32, (x.files.n+31)/32)
	if dropped > 0 {
		fs.problem("$MFT", fmt.Sprintf("%d further names of folders are left out: a folder has one", dropped))
	}
}

// findRoot finds the root folder, or makes one up. It returns the sequence
// number that its children must know, 0 for any.
func (fs *FS) findRoot() uint16 {
	x, t := &fs.x, &fs.tree
	if i, ok := x.find(rootRecord); ok {
		f := x.files.at(i)
		if f.flags&flagDir == 0 {
			fs.problem(recordName(rootRecord), "the root folder is no folder")
			x.hurt(i, "the root folder is no folder")
			f.flags |= flagDir
			f.flags &^= flagData
			f.place = noPlace
			f.attr |= winfs.AttrDirectory
		}
		t.root = i
		if f.links == 0 {
			fs.nameRoot()
		}
		return f.seq
	}
	fs.problem(recordName(rootRecord), "the record of the root folder is gone; what lies in it is still found")
	t.root = x.files.add(file{num: rootRecord, attr: winfs.AttrDirectory, place: noPlace, flags: flagDir | flagMadeUp})
	x.hurt(t.root, "the record of the root folder is gone")
	fs.nameRoot()
	return 0
}

// nameRoot gives the root a link.
func (fs *FS) nameRoot() {
	name, _ := fs.x.names.add(nil)
	fs.x.files.at(fs.tree.root).links = 1
	fs.x.links.add(link{file: fs.tree.root, parent: rootRecord, name: name})
}

// homes chooses the one entry of each folder: the first whose parent is there.
// It returns the number of others.
func (fs *FS) homes() int {
	x := &fs.x
	for _, lostToo := range []bool{false, true} {
		for e := range x.links.n {
			l := x.links.at(e)
			if f := x.files.at(l.file); f.flags&flagDir != 0 && f.place == noPlace && (l.parent != noParent || lostToo) {
				f.place = e
			}
		}
	}
	dropped := 0
	for e := range x.links.n {
		l := x.links.at(e)
		if f := x.files.at(l.file); f.flags&flagDir != 0 && f.place != e {
			f.links--
			if l.file != fs.tree.root {
				dropped++
			}
		}
		if l.parent != noParent && x.files.at(l.parent).place == noPlace {
			l.parent = noParent // below a nameless metadata record
		}
	}
	return dropped
}

// reach cuts off the folders that do not lead to the root: their links lose
// their parents.
func (fs *FS) reach() {
	x, t := &fs.x, &fs.tree
	const open = math.MaxUint16
	depth := make([]uint16, x.files.n) // 0 is unknown
	depth[t.root] = 1
	var path []uint32
	for i := range x.files.n {
		f := x.files.at(i)
		if f.flags&flagDir == 0 || f.place == noPlace {
			continue
		}
		cur := i
		for depth[cur] == 0 {
			depth[cur] = open
			path = append(path, cur)
			l := x.links.at(x.files.at(cur).place)
			if l.parent == noParent {
				break
			}
			if depth[l.parent] == open {
				fs.problem(recordName(x.files.at(cur).num), "the folder lies in itself")
				l.parent = noParent
				break
			}
			cur = l.parent
		}
		for len(path) > 0 {
			d := path[len(path)-1]
			path = path[:len(path)-1]
			l := x.links.at(x.files.at(d).place)
			if l.parent != noParent && depth[l.parent] >= maxDepth {
				fs.problem(recordName(x.files.at(d).num), fmt.Sprintf("the folder lies more than %d folders deep", maxDepth))
				l.parent = noParent
			}
			if l.parent == noParent {
				depth[d] = 3 // below $Orphans
			} else {
				depth[d] = depth[l.parent] + 1
			}
		}
	}
}

// adopt puts links without a parent below $Orphans, under names that say
// which record they are.
func (fs *FS) adopt() {
	x, t := &fs.x, &fs.tree
	var seen map[uint32]int
	n := x.links.n
	for e := range n {
		l := x.links.at(e)
		f := x.files.at(l.file)
		if l.parent != noParent || f.num < firstUser || f.flags&flagDir != 0 && f.place != e || t.extends(l.file) {
			continue
		}
		if t.orphans == noParent {
			if !fs.makeOrphans() {
				return
			}
			seen = map[uint32]int{}
			l, f = x.links.at(e), x.files.at(l.file)
		}
		seen[l.file]++
		fs.orphans++
		name := fmt.Sprintf("%d-%d", f.num, f.seq)
		if k := seen[l.file]; k > 1 {
			name = fmt.Sprintf("%s(%d)", name, k)
		}
		if old := x.names.get(l.name); old != "" {
			name += " " + old
		}
		fs.problem(recordName(f.num), fmt.Sprintf("its folder is gone; shown as %s", name))
		x.hurt(l.file, "its folder is gone")
		if at, ok := x.names.add([]byte(name)); ok {
			l.name = at
			l.parent = t.orphans
		}
	}
	if t.orphans != noParent {
		x.names.seal()
	}
}

// makeOrphans makes the folder of the orphans, under a name that the root
// does not hold.
func (fs *FS) makeOrphans() bool {
	x, t := &fs.x, &fs.tree
	name := "$Orphans"
	for e := uint32(0); e < x.links.n; e++ {
		if l := x.links.at(e); l.parent == t.root && wstr.EqualFold(x.names.get(l.name), name) {
			name += "_"
			e = 0
			if len(name) > 255 {
				return false
			}
		}
	}
	at, ok := x.names.add([]byte(name))
	if !ok {
		return false
	}
	t.orphans = x.files.add(file{
		num: math.MaxUint32, attr: winfs.AttrDirectory, links: 1,
		flags: flagDir | flagMadeUp, place: x.links.n,
	})
	x.links.add(link{file: t.orphans, parent: t.root, name: at})
	return true
}

// sortKids orders entries as folders do; names that differ only in case have a
// fixed order, too.
func (fs *FS) sortKids(kids []winfs.Entry) {
	type kid struct {
		name string
		e    winfs.Entry
	}
	list := make([]kid, len(kids))
	for i, e := range kids {
		list[i] = kid{fs.Name(e), e}
	}
	slices.SortFunc(list, func(a, b kid) int {
		if c := wstr.Compare(a.name, b.name); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.e, b.e))
	})
	for i, k := range list {
		kids[i] = k.e
	}
}

// children lists the folder with that index in index.files, sorted.
func (fs *FS) children(i uint32) []winfs.Entry {
	t := &fs.tree
	first, n := fs.x.files.at(i).children()
	kids := t.kids[first : first+n : first+n]
	word, bit := &t.sorted[i/32], uint32(1)<<(i%32)
	if word.Load()&bit == 0 {
		t.sortMu.Lock()
		defer t.sortMu.Unlock()
		if word.Load()&bit == 0 {
			fs.sortKids(kids)
			word.Or(bit)
		}
	}
	return kids
}
