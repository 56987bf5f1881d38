package openapi

// What only answers have is not asked of requests, nor the other way round (OpenAPI 3.1.1, "Schema Object", readOnly, writeOnly).
const (
	ofAnswers  = "readOnly"
	ofRequests = "writeOnly"
)

// markSteps is how many schemas are looked at for one of these words.
const markSteps = 1000

// marked reports whether a word such as readOnly is true of a schema, or of one that holds wherever it does: one that it refers to, or a
// part of its allOf. Whoever is to know it asks here: checks, what callers are told, and tools.
func (f *files) marked(p place, word string, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	if p.is(word) {
		return true
	}
	if ref, is := p.reference(); is {
		if at, err := f.target(ref); err == nil && f.marked(at, word, steps) {
			return true
		}
	}
	all, _ := p.get("allOf")
	for part := range all.elements {
		if f.marked(part, word, steps) {
			return true
		}
	}
	return false
}

// asks reports whether a member that an object lacks is asked for: wherever the property stands that says that it is not, in the schema
// that says required, in one that it refers to, or in one that holds together with it, as those of an allOf do.
func (r *check) asks(name string) bool {
	for _, s := range r.together[r.from:] {
		if s.lets(name, &r.steps) {
			return false
		}
	}
	return true
}

// lets reports whether a schema, or one that holds wherever it does, has a property that is not asked for.
func (s *schema) lets(name string, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	if property := s.properties[name]; property != nil && property.unasked {
		return true
	}
	if s.ref != nil && s.ref.lets(name, steps) {
		return true
	}
	for _, sub := range s.all {
		if sub.lets(name, steps) {
			return true
		}
	}
	return false
}

// lets reports the same of a schema that is only written.
func (f *files) lets(p place, name, word string, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	properties, _ := p.get("properties")
	if property, found := properties.get(name); found && f.marked(property, word, steps) {
		return true
	}
	if ref, is := p.reference(); is {
		if at, err := f.target(ref); err == nil && f.lets(at, name, word, steps) {
			return true
		}
	}
	all, _ := p.get("allOf")
	for part := range all.elements {
		if f.lets(part, name, word, steps) {
			return true
		}
	}
	return false
}
