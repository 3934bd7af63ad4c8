package profile

import (
	"encoding/json"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Names in the registry and on disks may hold lone surrogates, which
// encoding/json would replace: the types below write and read them as
// wstr.Text does.

type caseJSON struct {
	Code  Code      `json:"code"`
	Where wstr.Text `json:"where"`
	What  wstr.Text `json:"what"`
	Other wstr.Text `json:"other,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c Case) MarshalJSON() ([]byte, error) {
	return json.Marshal(caseJSON{c.Code, wstr.Text(c.Where), wstr.Text(c.What), wstr.Text(c.Other)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Case) UnmarshalJSON(b []byte) error {
	var j caseJSON
	err := json.Unmarshal(b, &j)
	*c = Case{j.Code, string(j.Where), string(j.What), string(j.Other)}
	return err
}

type redirectedJSON struct {
	Folder  string    `json:"folder"`
	Path    wstr.Text `json:"path,omitempty"`
	Remote  wstr.Text `json:"remote,omitempty"`
	Drive   string    `json:"drive,omitempty"`
	Cloud   wstr.Text `json:"cloud,omitempty"`
	Account wstr.Text `json:"account,omitempty"`
	Missing bool      `json:"missing,omitempty"`
	Left    wstr.Text `json:"left,omitempty"`
	Cached  wstr.Text `json:"cached,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (r Redirected) MarshalJSON() ([]byte, error) {
	return json.Marshal(redirectedJSON{r.Folder, wstr.Text(r.Path), wstr.Text(r.Remote), r.Drive, wstr.Text(r.Cloud), wstr.Text(r.Account), r.Missing, wstr.Text(r.Left), wstr.Text(r.Cached)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Redirected) UnmarshalJSON(b []byte) error {
	var j redirectedJSON
	err := json.Unmarshal(b, &j)
	*r = Redirected{j.Folder, string(j.Path), string(j.Remote), j.Drive, string(j.Cloud), string(j.Account), j.Missing, string(j.Left), string(j.Cached)}
	return err
}

type groupJSON struct {
	SID     string    `json:"sid"`
	Name    wstr.Text `json:"name"`
	Comment wstr.Text `json:"comment,omitempty"`
	Builtin bool      `json:"builtin"`
	Members []string  `json:"members"`
}

// MarshalJSON implements json.Marshaler.
func (g Group) MarshalJSON() ([]byte, error) {
	members := g.Members
	if members == nil {
		members = []string{}
	}
	return json.Marshal(groupJSON{g.SID, wstr.Text(g.Name), wstr.Text(g.Comment), g.Builtin, members})
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *Group) UnmarshalJSON(b []byte) error {
	var j groupJSON
	err := json.Unmarshal(b, &j)
	*g = Group{SID: j.SID, Name: string(j.Name), Comment: string(j.Comment), Builtin: j.Builtin, Members: j.Members}
	return err
}
