package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
)

// tellLosses says what will not survive of what is taken.
func (a *app) tellLosses(losses []plan.Loss) {
	for _, l := range losses {
		a.message("will not survive", fmt.Sprintf("%s: %s", strings.Join(l.Components, ", "), l.Lost))
	}
}

// lossesOf is what will not survive of what is in a store, as its capture said
// it. A plan.json that cannot be read has none: verify tells of that.
func lossesOf(s *store.Store) []plan.Loss {
	doc := struct {
		Losses []plan.Loss `json:"will_not_survive"`
	}{Losses: []plan.Loss{}}
	if b, err := s.ReadFile("plan.json"); err != nil || json.Unmarshal(b, &doc) != nil {
		return []plan.Loss{}
	}
	return doc.Losses
}
