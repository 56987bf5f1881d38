package openapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

func (r *check) text(s *schema, v string) bool {
	if !r.spend(len(v) / 64) {
		return false
	}
	if s.minLength > 0 || s.maxLength >= 0 { // before the pattern, which takes longer
		switch length := utf8.RuneCountInString(v); {
		case length < s.minLength:
			return r.fail("Must have at least %s", counted(s.minLength, "character"))
		case s.maxLength >= 0 && length > s.maxLength:
			return r.fail("Must have at most %s", counted(s.maxLength, "character"))
		}
	}
	ok := true
	if s.pattern != nil && !r.matches(s.pattern, v) {
		ok = r.fail("Does not match the pattern %s", cut(s.pattern.String(), 200))
	}
	if s.format != nil && !s.format(v) {
		ok = r.fail("Is not a valid %s", s.formatName)
	}
	return ok
}

// matches takes as many steps as RE2 may: the length of the text times the size of the pattern.
func (r *check) matches(p *regular, text string) bool {
	return r.spend(1+len(text)*max(8, p.size)/64) && p.MatchString(text)
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

func (r *check) number(s *schema, v string) bool {
	if !fits(s.formatName, v) {
		return r.fail("Is not a valid %s", s.formatName)
	}
	if s.minimum == nil && s.maximum == nil && s.above == nil && s.below == nil && s.multiple == nil {
		return true
	}
	d, ok := parseDecimal(v)
	switch {
	case !ok:
		return r.fail("Is out of range")
	case s.minimum != nil && d.compare(s.minimum) < 0:
		return r.fail("Must be at least %s", s.minimum)
	case s.maximum != nil && d.compare(s.maximum) > 0:
		return r.fail("Must be at most %s", s.maximum)
	case s.above != nil && d.compare(s.above) <= 0:
		return r.fail("Must be greater than %s", s.above)
	case s.below != nil && d.compare(s.below) >= 0:
		return r.fail("Must be less than %s", s.below)
	case s.multiple != nil && !(r.spend(50) && d.isMultiple(s.multiple)):
		return r.fail("Must be a multiple of %s", s.multiple)
	}
	return true
}

func (r *check) array(s *schema, v []any, out *seen) bool {
	ok := true
	switch {
	case len(v) < s.minItems:
		ok = r.fail("Must have at least %s", counted(s.minItems, "item"))
	case s.maxItems >= 0 && len(v) > s.maxItems:
		ok = r.fail("Must have at most %s", counted(s.maxItems, "item"))
	}
	if s.items != nil || len(s.prefix) > 0 {
		for n, element := range v {
			sub := s.items
			if n < len(s.prefix) {
				sub = s.prefix[n]
			}
			if sub == nil {
				break
			}
			r.sawIndex(out, n)
			if ok = r.inside(step{index: n}, sub, element) && ok; !ok && r.done() {
				return false
			}
		}
	}
	if s.contains != nil {
		ok = r.holds(s, v, out) && ok
	}
	if s.unique && !r.distinct(v) {
		ok = r.fail("Must not have the same item twice")
	}
	if s.unevaluatedItems != nil {
		for n, element := range v {
			if !out.indexes[n] {
				ok = r.inside(step{index: n}, s.unevaluatedItems, element) && ok
				r.sawIndex(out, n)
			}
		}
	}
	return ok
}

// holds counts the elements that contains names.
func (r *check) holds(s *schema, v []any, out *seen) bool {
	count := 0
	for n, element := range v {
		if r.silently(s.contains, element, nil) {
			count++
			r.sawIndex(out, n)
		}
	}
	switch {
	case count < s.minContains:
		return r.fail("Must have at least %s of the kind that is asked for", counted(s.minContains, "item"))
	case s.maxContains >= 0 && count > s.maxContains:
		return r.fail("Must have at most %s of the kind that is bounded", counted(s.maxContains, "item"))
	}
	return true
}

// distinct reports whether no two elements are equal.
func (r *check) distinct(v []any) bool {
	known := make(map[string]bool, len(v))
	var buf []byte
	for _, element := range v {
		buf = canonical(buf[:0], element)
		if !r.spend(1+len(buf)/16) || known[string(buf)] {
			return false
		}
		known[string(buf)] = true
	}
	return true
}

// canonical writes equal values in one way.
func canonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'z')
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return append(append(strconv.AppendInt(append(b, 's'), int64(len(v)), 10), ':'), v...)
	case json.Number:
		d, _ := parseDecimal(string(v))
		return append(append(append(b, 'n'), d.key()...), ';')
	case []any:
		b = append(b, '[')
		for _, element := range v {
			b = canonical(b, element)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = canonical(canonical(b, name), v[name])
		}
		return append(b, '}')
	}
	return b
}

func (r *check) object(s *schema, v map[string]any, out *seen) bool {
	ok := true
	for _, name := range s.required {
		if _, is := v[name]; !is {
			if ok = r.missing(name) && ok; !ok && r.done() {
				return false
			}
		}
	}
	switch {
	case len(v) < s.minProperties:
		ok = r.fail("Must have at least %s", counted(s.minProperties, "field"))
	case s.maxProperties >= 0 && len(v) > s.maxProperties:
		ok = r.fail("Must have at most %s", counted(s.maxProperties, "field"))
	}
	if len(s.names) > len(v) && !r.spend(len(s.names)/8) {
		return false
	}
	for _, name := range s.names {
		if value, is := v[name]; is {
			r.saw(out, name)
			if ok = r.inside(step{name, -1}, s.properties[name], value) && ok; !ok && r.done() {
				return false
			}
		}
	}
	if s.additional != nil || len(s.patterns) > 0 || s.propertyNames != nil {
		ok = r.others(s, v, out) && ok
	}
	if !r.spend(len(s.dependents) / 8) {
		return false
	}
	for _, name := range s.dependents {
		if _, is := v[name]; !is {
			continue
		}
		if !r.spend(len(s.dependentRequired[name]) / 8) {
			return false
		}
		for _, needed := range s.dependentRequired[name] {
			if _, is := v[needed]; !is {
				ok = r.missing(needed) && ok
			}
		}
		if sub := s.dependentSchemas[name]; sub != nil {
			ok = r.value(sub, v, out) && ok
		}
	}
	if s.unevaluatedProperties != nil {
		for _, name := range r.names(v) {
			if !out.names[name] {
				ok = r.member(s.unevaluatedProperties, name, v[name]) && ok
				r.saw(out, name)
			}
		}
	}
	return ok
}

func (r *check) missing(name string) bool {
	if !r.asks(name) {
		return true
	}
	r.path = append(r.path, step{name, -1})
	defer func() { r.path = r.path[:len(r.path)-1] }()
	return r.fail("Required")
}

// member checks a member that the schema does not name.
func (r *check) member(s *schema, name string, v any) bool {
	if s.never {
		r.path = append(r.path, r.unnamed(name))
		defer func() { r.path = r.path[:len(r.path)-1] }()
		return r.fail("Unknown field")
	}
	return r.inside(r.unnamed(name), s, v)
}

// names are those of an object, sorted where anybody is to hear of them: the same request is always answered in the same way.
func (r *check) names(v map[string]any) []string {
	if !r.spend(len(v)) {
		return nil
	}
	names := slices.AppendSeq(make([]string, 0, len(v)), maps.Keys(v))
	if !r.quiet {
		slices.Sort(names)
	}
	return names
}

// others checks the members by the words that name them by their form, or not at all.
func (r *check) others(s *schema, v map[string]any, out *seen) bool {
	ok := true
	for _, name := range r.names(v) {
		_, named := s.properties[name]
		if s.propertyNames != nil && !r.silently(s.propertyNames, name, nil) {
			ok = r.member(&schema{never: true}, name, nil)
		}
		for _, p := range s.patterns {
			if r.matches(p.regular, name) {
				named = true
				r.saw(out, name)
				ok = r.inside(r.unnamed(name), p.schema, v[name]) && ok
			}
		}
		if !named && s.additional != nil {
			r.saw(out, name)
			ok = r.member(s.additional, name, v[name]) && ok
		}
		if !ok && r.done() {
			return false
		}
	}
	return ok
}
