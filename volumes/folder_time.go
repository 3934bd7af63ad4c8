package volumes

import "time"

// Modified implements hostFile.
func (r *regular) Modified() (time.Time, error) {
	fi, err := r.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return fi.ModTime(), nil
}
