package plan

import "slices"

// Loss is what does not survive of what some components take, in their own
// words: secrets that are tied to the old machine, licences.
type Loss struct {
	Components []string `json:"components"`
	Lost       string   `json:"lost"`
}

// Losses tells what will not survive, of the components that take something:
// each text once, in the order of the rules.
func (p *Plan) Losses() []Loss {
	used := make([]bool, p.Rules.Rules())
	note := func(rule int32) {
		if rule >= 0 && int(rule) < len(used) {
			used[rule] = true
		}
	}
	for i := range p.Items {
		note(p.Items[i].Rule)
	}
	for i := range p.Keys {
		note(p.Keys[i].Rule)
	}
	out := []Loss{}
	for rule, is := range used {
		r := p.Rules.Rule(int32(rule))
		if !is || r.About == nil || r.About.Lost == "" {
			continue
		}
		i := slices.IndexFunc(out, func(l Loss) bool { return l.Lost == r.About.Lost })
		if i < 0 {
			i = len(out)
			out = append(out, Loss{Lost: r.About.Lost})
		}
		if !slices.Contains(out[i].Components, r.Component) {
			out[i].Components = append(out[i].Components, r.Component)
		}
	}
	return out
}
