package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Bounds of one request's validation: whatever document and request are, it ends within some 20 ms and takes little memory.
const (
	// MaxProblems is how many problems of a request are told at once.
	MaxProblems = 32
	// maxSteps is how often a value, or 64 bytes of one, may be held against a schema.
	maxSteps = 150_000
	// maxName is how much of a name that the caller chose is told.
	maxName = 64
)

// check holds values against schemas.
type check struct {
	steps    int
	quiet    bool // only the verdict is asked for
	hidden   bool // names that the document does not have become "*": they may be values
	root     string
	path     []step
	problems []route.Problem
	at       *schema   // the one that a value is held against
	together []*schema // those that hold for the present value all at once, behind those around it
	from     int       // where in together they begin
}

// step is a member of an object, or an element of an array.
type step struct {
	name  string
	index int // -1: a member
}

// seen is what of a value was held against schemas, for unevaluatedItems and unevaluatedProperties.
type seen struct {
	names   map[string]bool
	indexes map[int]bool
}

// seenSteps is what it takes to remember that a member or an element was looked at: it costs more memory than a look.
const seenSteps = 12

// add puts into e what another check has seen.
func (r *check) add(e, other *seen) {
	if e == nil || other == nil {
		return
	}
	for name := range other.names {
		r.saw(e, name)
	}
	for n := range other.indexes {
		r.sawIndex(e, n)
	}
}

func (r *check) saw(e *seen, name string) {
	if e == nil || !r.spend(seenSteps) {
		return
	}
	if e.names == nil {
		e.names = map[string]bool{}
	}
	e.names[name] = true
}

func (r *check) sawIndex(e *seen, n int) {
	if e == nil || !r.spend(seenSteps) {
		return
	}
	if e.indexes == nil {
		e.indexes = map[int]bool{}
	}
	e.indexes[n] = true
}

// spend takes steps. It reports false when there are no more: nothing is right then.
func (r *check) spend(steps int) bool {
	r.steps -= steps
	return r.steps >= 0
}

// unnamed is the step to a member that the document does not name.
func (r *check) unnamed(name string) step {
	if r.hidden {
		name = "*"
	}
	return step{name, -1}
}

// fail notes a problem at the present place.
func (r *check) fail(format string, args ...any) bool {
	if r.quiet || len(r.problems) == MaxProblems {
		return false
	}
	field := r.field()
	for _, p := range r.problems {
		if p.Field == field {
			return false // the first of a field is told
		}
	}
	problem := route.Problem{Field: field, Text: fmt.Sprintf(format, args...)}
	if r.at != nil && r.at.at.node != nil {
		problem.Place = fmt.Sprintf("%s:%d", r.at.at.file.reader.Name, r.at.at.node.Line)
	}
	r.problems = append(r.problems, problem)
	return false
}

func (r *check) field() string {
	parts := make([]string, 0, len(r.path)+1)
	if r.root != "" || len(r.path) == 0 {
		parts = append(parts, cmp.Or(r.root, "body"))
	}
	for _, s := range r.path {
		if s.index >= 0 {
			parts = append(parts, strconv.Itoa(s.index))
		} else {
			parts = append(parts, cut(s.name, maxName))
		}
	}
	return strings.Join(parts, ".")
}

// cut shortens a text to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// silently gives the verdict of a check whose problems nobody is to hear.
func (r *check) silently(s *schema, v any, out *seen) bool {
	was := r.quiet
	r.quiet = true
	ok := r.alone(s, v, out)
	r.quiet = was
	return ok
}

// alone holds a value against a schema that does not have to hold together with those in whose midst it stands.
func (r *check) alone(s *schema, v any, out *seen) bool {
	was := r.from
	r.from = len(r.together)
	ok := r.value(s, v, out)
	r.from = was
	return ok
}

// inside checks a member or an element.
func (r *check) inside(at step, s *schema, v any) bool {
	r.path = append(r.path, at)
	ok := r.alone(s, v, nil)
	r.path = r.path[:len(r.path)-1]
	return ok
}

// done reports whether more problems would not be heard.
func (r *check) done() bool { return r.quiet || len(r.problems) == MaxProblems || r.steps < 0 }

// value holds a value against a schema. What of it was looked at goes into out, unless that is nil.
func (r *check) value(s *schema, v any, out *seen) bool {
	was := r.at
	r.at, r.together = s, append(r.together, s)
	ok := r.hold(s, v, out)
	r.at, r.together = was, r.together[:len(r.together)-1]
	return ok
}

func (r *check) hold(s *schema, v any, out *seen) bool {
	if !r.spend(1) {
		return false
	}
	if s.never {
		return r.fail("Not allowed")
	}
	kind := kindOf(v)
	if kind&s.types == 0 {
		return r.fail("Expected %s", s.types)
	}
	ok := !s.isEnum || r.isAllowed(s, v) || r.fail("Must be %s", allowed(s.allowed))
	if !ok && r.done() {
		return false
	}
	own := out
	if s.unevaluatedItems != nil || s.unevaluatedProperties != nil {
		own = new(seen)
	}
	if s.ref != nil {
		ok = r.value(s.ref, v, own) && ok
	}
	for _, sub := range s.all {
		ok = r.value(sub, v, own) && ok
	}
	if !ok && r.done() {
		return false
	}
	ok = r.combined(s, v, own) && ok
	if !ok && r.done() {
		return false
	}
	switch v := v.(type) {
	case string:
		ok = r.text(s, v) && ok
	case json.Number:
		ok = r.number(s, string(v)) && ok
	case []any:
		ok = r.array(s, v, own) && ok
	case map[string]any:
		ok = r.object(s, v, own) && ok
	}
	if own != out && ok {
		r.add(out, own)
	}
	return ok
}

// combined checks the words that say what other schemas say.
func (r *check) combined(s *schema, v any, out *seen) bool {
	ok := true
	if len(s.any) > 0 {
		ok = r.oneOf(s.any, v, out, false)
	}
	if len(s.one) > 0 {
		ok = r.oneOf(s.one, v, out, true) && ok
	}
	if s.not != nil && r.silently(s.not, v, nil) {
		ok = r.fail("Not allowed in this form")
	}
	if s.when != nil {
		into := out.fresh()
		next := s.otherwise
		if r.silently(s.when, v, into) {
			r.add(out, into)
			next = s.then
		}
		if next != nil {
			ok = r.value(next, v, out) && ok
		}
	}
	return ok
}

func (e *seen) fresh() *seen {
	if e == nil {
		return nil
	}
	return new(seen)
}

// oneOf checks a value against several forms, of which one must be right, and exactly one where so asked.
func (r *check) oneOf(forms []*schema, v any, out *seen, exactly bool) bool {
	right := 0
	for _, form := range forms {
		into := out.fresh()
		if !r.silently(form, v, into) {
			continue
		}
		r.add(out, into)
		if right++; !exactly && out == nil || exactly && right > 1 {
			break
		}
	}
	switch {
	case right == 1 || right > 1 && !exactly:
		return true
	case right > 1:
		return r.fail("Matches more than one of the forms that exclude each other")
	case r.quiet:
		return false
	}
	var likely []*schema
	kind := kindOf(v)
	for _, form := range forms {
		if r.admits(form, kind) {
			likely = append(likely, form)
		}
	}
	if len(likely) == 1 {
		return r.alone(likely[0], v, nil)
	}
	if len(likely) == 0 {
		var all kinds
		for _, form := range forms {
			all |= form.kinds(&r.steps)
		}
		return r.fail("Expected %s", all)
	}
	if names := absent(likely, v); len(names) > 1 {
		for _, name := range names {
			r.path = append(r.path, step{name, -1})
			r.fail("Required, if none of the others is there: %s", strings.Join(names, ", "))
			r.path = r.path[:len(r.path)-1]
		}
		return false
	}
	return r.fail("Matches none of the %d forms that it may have", len(forms))
}

// absent are the members of which each form asks for another one that an object lacks; nil where a form asks for something else.
func absent(forms []*schema, v any) (names []string) {
	object, _ := v.(map[string]any)
	for _, form := range forms {
		at := slices.IndexFunc(form.required, func(name string) bool { _, is := object[name]; return !is })
		if at < 0 || len(names) == 20 {
			return nil
		}
		names = append(names, form.required[at])
	}
	return names
}

// admits reports whether a schema takes values of a kind at all.
func (r *check) admits(s *schema, kind kinds) bool { return s.kinds(&r.steps)&kind != 0 }
