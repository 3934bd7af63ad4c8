package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Places that are no clusters.
const (
	hole = -1 // no cluster: reads as zeros
	lost = -2 // there is a cluster, but damage hides which
)

// maxRuns bounds the runs of one stream: enough for a file of 64 GiB in single
// clusters of 4 KiB.
const maxRuns = 16 << 20

// run is n clusters from cluster lcn, which may be hole or lost.
type run struct{ lcn, n int64 }

var errRunsEnd = errors.New("the run list has no end")

// runReader decodes a run list: a header byte per run (low nibble: bytes of
// the length, high nibble: bytes of the place), then the length, then the
// place, signed and relative to the place before. No place is a hole; header
// 0 is the end.
type runReader struct {
	b   []byte
	off int
	lcn int64
}

// next returns the next run, n 0 at the end. It does not know how large the
// volume is.
func (r *runReader) next() (run, error) {
	if r.off >= len(r.b) {
		return run{}, errRunsEnd
	}
	h := r.b[r.off]
	if h == 0 {
		return run{}, nil
	}
	nl, no := int(h&15), int(h>>4)
	if nl == 0 || nl > 8 || no > 8 {
		return run{}, fmt.Errorf("run header %#02x", h)
	}
	if 1+nl+no > len(r.b)-r.off {
		return run{}, errRunsEnd
	}
	p := r.b[r.off+1:]
	var n uint64
	for i := nl - 1; i >= 0; i-- {
		n = n<<8 | uint64(p[i])
	}
	if n == 0 || n > math.MaxInt64 {
		return run{}, fmt.Errorf("a run of %d clusters", n)
	}
	r.off += 1 + nl + no
	if no == 0 {
		return run{hole, int64(n)}, nil
	}
	p = p[nl:]
	d := int64(int8(p[no-1]))
	for i := no - 2; i >= 0; i-- {
		d = d<<8 | int64(p[i])
	}
	lcn := r.lcn + d
	if d > 0 && lcn < r.lcn || d < 0 && lcn > r.lcn {
		return run{}, errors.New("a place beyond any volume")
	}
	if lcn == -1 {
		// Windows NT 3.x and 4 write holes this way.
		return run{hole, int64(n)}, nil
	}
	r.lcn = lcn
	if lcn < 0 {
		return run{}, fmt.Errorf("cluster %d", lcn)
	}
	return run{lcn, int64(n)}, nil
}

// appendRuns decodes the run list of one extent, of count clusters, of a
// volume of clusters clusters. Whatever is wrong, the runs added make up count
// clusters: what could not be read is lost.
func appendRuns(dst []run, list []byte, count, clusters int64) ([]run, error) {
	r := runReader{b: list}
	left := count
	for {
		x, err := r.next()
		switch {
		case err != nil:
		case x.n == 0 && left > 0:
			err = fmt.Errorf("the run list ends %d clusters early", left)
		case x.n == 0:
			return dst, nil
		case x.n > left:
			err = fmt.Errorf("a run of %d clusters where %d are left", x.n, left)
		case x.lcn >= 0 && (x.lcn >= clusters || x.n > clusters-x.lcn):
			err = fmt.Errorf("clusters %d to %d of a volume of %d", x.lcn, x.lcn+x.n-1, clusters)
		case len(dst) >= maxRuns:
			err = fmt.Errorf("more than %d runs", maxRuns)
		}
		if err != nil {
			return addRun(dst, run{lost, left}), err
		}
		dst = addRun(dst, x)
		left -= x.n
	}
}

// addRun appends x, to the last run when it goes on there.
func addRun(dst []run, x run) []run {
	if x.n <= 0 {
		return dst
	}
	if k := len(dst) - 1; k >= 0 {
		if p := &dst[k]; p.lcn < 0 && x.lcn == p.lcn || p.lcn >= 0 && x.lcn == p.lcn+p.n {
			p.n += x.n
			return dst
		}
	}
	return append(dst, x)
}

// In memory a run list is a row of varints: twice shifted length with the kind
// (0 clusters, 1 hole, 2 lost), then for clusters the distance from the end of
// the clusters before; 0 is the end. It takes as much room as on the disk.
// Before it stand the log2 of the compression unit and the initialised size,
// plus one, 0 when it is the size.

// encodeRuns appends the form in memory to dst.
func encodeRuns(dst []byte, runs []run, unit uint8, size, init int64) []byte {
	dst = append(dst, unit)
	if init >= size {
		dst = append(dst, 0)
	} else {
		dst = binary.AppendUvarint(dst, uint64(init)+1)
	}
	var end int64
	for _, x := range runs {
		if x.lcn < 0 {
			dst = binary.AppendUvarint(dst, uint64(x.n)<<2|uint64(-x.lcn))
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(x.n)<<2)
		dst = binary.AppendVarint(dst, x.lcn-end)
		end = x.lcn + x.n
	}
	return append(dst, 0)
}

// storedRuns reads what encodeRuns wrote.
type storedRuns struct {
	b    []byte
	unit uint8
	init int64 // -1 when it is the size
	end  int64
}

func openRuns(b []byte) storedRuns {
	u, k := binary.Uvarint(b[1:])
	return storedRuns{b: b[1+k:], unit: b[0], init: int64(u) - 1}
}

// next returns the next run, n 0 at the end.
func (s *storedRuns) next() run {
	u, k := binary.Uvarint(s.b)
	if u == 0 {
		return run{}
	}
	s.b = s.b[k:]
	n := int64(u >> 2)
	if kind := u & 3; kind != 0 {
		return run{-int64(kind), n}
	}
	d, k := binary.Varint(s.b)
	s.b = s.b[k:]
	lcn := s.end + d
	s.end = lcn + n
	return run{lcn, n}
}
