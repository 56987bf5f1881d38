package openapi

// asks reports whether a member that an object lacks is asked for. What only answers have is not asked of requests, nor the other way
// round (OpenAPI 3.1.1, "Schema Object", readOnly, writeOnly), wherever the property stands: in the schema that says required, in one
// that it refers to, or in one that holds together with it, as those of an allOf do.
func (r *check) asks(name string) bool {
	for _, s := range r.together[r.from:] {
		if s.lets(name, r.absent, &r.steps) {
			return false
		}
	}
	return true
}

// lets reports whether a schema, or one that holds wherever it does, has a property of which that word is true.
func (s *schema) lets(name, word string, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	if property := s.properties[name]; property != nil && property.is(word, steps) {
		return true
	}
	if s.ref != nil && s.ref.lets(name, word, steps) {
		return true
	}
	for _, sub := range s.all {
		if sub.lets(name, word, steps) {
			return true
		}
	}
	return false
}

// is reports whether a word is true of a schema, or of one that holds wherever it does.
func (s *schema) is(word string, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	if s.says(word) || s.ref != nil && s.ref.is(word, steps) {
		return true
	}
	for _, sub := range s.all {
		if sub.is(word, steps) {
			return true
		}
	}
	return false
}
