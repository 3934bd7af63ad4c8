package wstr

import "time"

// Filetime counts 100 ns ticks since 1601-01-01 00:00 UTC. Zero means "never
// set"; values far outside of any calendar occur on real disks and are kept.
type Filetime uint64

// Seconds between 1601-01-01 and 1970-01-01.
const epochGap = 11644473600

// Time converts f. It is exact for every value that time.Time can hold.
func (f Filetime) Time() time.Time {
	return time.Unix(int64(f/1e7)-epochGap, int64(f%1e7)*100).UTC()
}

// FiletimeOf converts t, cutting it to 100 ns. Times before 1601 give 0.
func FiletimeOf(t time.Time) Filetime {
	s := t.Unix() + epochGap
	if s < 0 {
		return 0
	}
	return Filetime(uint64(s)*1e7 + uint64(t.Nanosecond())/100)
}

// String writes f as a date in UTC, "" for 0.
func (f Filetime) String() string {
	if f == 0 {
		return ""
	}
	return f.Time().Format("2006-01-02T15:04:05.9999999Z")
}
