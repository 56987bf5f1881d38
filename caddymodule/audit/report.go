package audit

import (
	"slices"
	"strconv"
	"strings"
)

// Finding is something that the audit found.
type Finding struct {
	// Rule is the rule's name, and Grade its grade.
	Rule  string `json:"rule"`
	Grade Grade  `json:"grade"`
	// Place is "<file>:<line>" for words of ours, else the site and the directive, or the key store.
	Place string `json:"place"`
	// File and Line are the two halves of such a place; empty and 0 where there is none.
	File string `json:"file"`
	Line int    `json:"line"`
	// What says what is wrong, Why why that matters, and Do what to do.
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do"`
	// Count is how many keys, workspaces or scopes are meant; 0: none in particular. Examples names the first of them.
	Count    int      `json:"count"`
	Examples []string `json:"examples"`
}

// Report is what an audit says.
type Report struct {
	// Config is the configuration's file.
	Config string `json:"config"`
	// Store is the key store.
	Store StoreReport `json:"store"`
	// Findings are the gravest first, in the order of the catalogue.
	Findings []Finding `json:"findings"`
	// Skipped is what was not looked at, and why.
	Skipped []Skipped `json:"skipped"`
	// Counts are how many findings there are of each grade.
	Counts map[Grade]int `json:"counts"`
}

// StoreReport says whether the key store was looked at.
type StoreReport struct {
	Place string `json:"place"`
	Read  bool   `json:"read"`
	// Why is why it was not; empty where it was.
	Why        string `json:"why"`
	Workspaces int    `json:"workspaces"`
	Keys       int    `json:"keys"`
}

// Dangers is how many findings are of the gravest grade.
func (r *Report) Dangers() int { return r.Counts[Danger] }

// auditor gathers findings.
type auditor struct {
	*Facts
	report Report
}

// find adds a finding about one place.
func (a *auditor) find(rule, place, what string) { a.findGroup(rule, place, what, &group{}) }

// findGroup adds a finding about many.
func (a *auditor) findGroup(rule, place, what string, g *group) {
	r := ruleOf(rule)
	f := Finding{Rule: rule, Grade: r.Grade, Place: place, What: what, Why: r.Why, Do: r.Do, Count: g.count, Examples: append([]string{}, g.examples...)}
	f.File, f.Line = split(place)
	if !slices.ContainsFunc(a.report.Findings, func(o Finding) bool { return o.Rule == f.Rule && o.Place == f.Place && o.What == f.What }) {
		a.report.Findings = append(a.report.Findings, f)
	}
}

// skip says that rules were not looked at.
func (a *auditor) skip(why string, rules ...string) {
	a.report.Skipped = append(a.report.Skipped, Skipped{Rules: rules, Why: why})
}

// split gives the two halves of "<file>:<line>".
func split(place string) (file string, line int) {
	at := strings.LastIndexByte(place, ':')
	if at < 1 {
		return "", 0
	}
	line, err := strconv.Atoi(place[at+1:])
	if err != nil || line < 1 || strings.Contains(place, ", ") {
		return "", 0
	}
	return place[:at], line
}

// maxExamples is how many of a group are named.
const maxExamples = 10

// group counts, and keeps the first.
type group struct {
	count    int
	examples []string
}

func (g *group) add(example string) {
	if g.count++; len(g.examples) < maxExamples {
		g.examples = append(g.examples, example)
	}
}

// sorted puts the findings into the order of the catalogue.
func (a *auditor) sorted() {
	position := func(f Finding) int { return slices.IndexFunc(rules, func(r Rule) bool { return r.Name == f.Rule }) }
	slices.SortStableFunc(a.report.Findings, func(x, y Finding) int {
		if by := slices.Index(Grades, x.Grade) - slices.Index(Grades, y.Grade); by != 0 {
			return by
		}
		return position(x) - position(y)
	})
	a.report.Counts = map[Grade]int{Danger: 0, Warning: 0, Note: 0}
	for _, f := range a.report.Findings {
		a.report.Counts[f.Grade]++
	}
}
