package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
)

// userFlags choose among the users of a Windows.
type userFlags struct {
	User    []string `help:"Only users that fit: name, SID, DOMAIN\\name, with * and ?; repeatable." placeholder:"PATTERN" sep:"none"`
	NotUser []string `help:"No users that fit." placeholder:"PATTERN" sep:"none"`
}

// selected says whether what is of u is wanted.
func (f *userFlags) selected(u *profile.User) bool {
	fits := func(ps []string) bool {
		return slices.ContainsFunc(ps, func(p string) bool { return profile.Match(u, p) })
	}
	return u.Person() && (len(f.User) == 0 || fits(f.User)) && !fits(f.NotUser)
}

// checkUsers refuses a --user that fits nobody: whoever mistyped it would have
// a store without that person.
func (f *userFlags) checkUsers(a *app, users []*profile.User) error {
	fits := func(pattern string) bool {
		return slices.ContainsFunc(users, func(u *profile.User) bool { return u.Person() && profile.Match(u, pattern) })
	}
	names := func() string {
		var list []string
		for _, u := range users {
			if u.Person() {
				list = append(list, plan.Label(u))
			}
		}
		return strings.Join(list, ", ")
	}
	for _, p := range f.User {
		if !fits(p) {
			return fail(statusUsage, fmt.Errorf("--user %s fits nobody on this Windows", p), "the users are "+names())
		}
	}
	for _, p := range f.NotUser {
		if !fits(p) {
			a.message("warning", fmt.Sprintf("--not-user %s fits nobody on this Windows; the users are %s", p, names()))
		}
	}
	return nil
}

// inhabited is the Windows of a source, with all its users.
type inhabited struct {
	*source
	sys      *offline.System
	users    []*profile.User
	problems []profile.Problem // of users in general
}

// openUsers opens sources and reads the users of their Windows, of whom f
// chooses. tell, when not nil, is called before that is judged.
func (a *app) openUsers(names []string, sf sourceFlags, f *userFlags, tell func(*inhabited)) (_ *inhabited, err error) {
	src, err := a.openSource(names, sf)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			src.Close()
		}
	}()
	w := &inhabited{source: src}
	if w.sys, err = src.system(); err != nil {
		return nil, err
	}
	if w.users, w.problems, err = profile.Users(w.sys); err != nil {
		return nil, err
	}
	if tell != nil {
		tell(w)
	}
	return w, f.checkUsers(a, w.users)
}
