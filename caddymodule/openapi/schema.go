package openapi

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// kinds are the types of a value, as bits.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindString
	kindInteger // a number without a fraction
	kindNumber  // any other
	kindArray
	kindObject
	anyKind kinds = 1<<iota - 1
)

var kindsOf = map[string]kinds{
	"null": kindNull, "boolean": kindBoolean, "string": kindString, "integer": kindInteger, "number": kindNumber | kindInteger,
	"array": kindArray, "object": kindObject,
}

// schema is a JSON Schema (2020-12, or that of OpenAPI 3.0), read once: what a check of a value needs, and nothing else.
type schema struct {
	at      place
	never   bool // false: no value is right
	unasked bool // a property of it need not be there
	types   kinds
	allowed []any // enum, const
	isEnum  bool

	ref, not, when, then, otherwise *schema
	all, any, one                   []*schema

	minimum, maximum, above, below, multiple *decimal

	minLength, maxLength int // -1: any
	pattern              *regular
	format               func(string) bool
	formatName           string

	minItems, maxItems       int
	unique                   bool
	prefix                   []*schema
	items, contains          *schema
	minContains, maxContains int

	minProperties, maxProperties int
	required                     []string
	names                        []string // of properties, in their order
	properties                   map[string]*schema
	patterns                     []patternProperty
	additional                   *schema
	propertyNames                *schema
	dependentRequired            map[string][]string
	dependentSchemas             map[string]*schema
	dependents                   []string // their names, sorted

	unevaluatedItems, unevaluatedProperties *schema
}

// regular is a regular expression, and how many steps a character of a text costs it at most.
type regular struct {
	*regexp.Regexp
	size int
}

type patternProperty struct {
	*regular
	*schema
}

// Bounds of the schemas of a document.
const (
	maxSchemas     = 200_000
	maxSchemaDepth = 200
	maxPattern     = 5_000 // instructions
)

// compiler reads the schemas of a document, each once.
type compiler struct {
	*Document
	known map[*yaml.Node]*schema
	depth int
	// answering says that the schemas are for answers: what only requests have is not asked for.
	answering bool
	// lenient leaves unchecked what cannot be: unread tells of it.
	lenient bool
	unread  []string
	// ignored are words of schemas that check nothing, and vain are allowed values that can never be right.
	ignored, vain []string
}

// unreadable is something of a document that no request can be held against.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// skip takes note of what is left unchecked, where the site wants that; else it is an error.
func (c *compiler) skip(err error) error {
	unread, is := errors.AsType[unreadable](err)
	switch {
	case !is:
		return err
	case !c.lenient:
		return fmt.Errorf("%v; or leave it unchecked: 'validate lenient'", err) // no unreadable any more: it is said once
	}
	c.unread = append(c.unread, unread.Error())
	return nil
}

// compile reads a schema.
func (c *compiler) compile(p place) (*schema, error) {
	if s := c.known[p.node]; s != nil {
		return s, nil
	}
	if len(c.known) == maxSchemas {
		return nil, p.errorf("the document has more than %d schemas: validate fewer operations", maxSchemas)
	}
	if c.depth++; c.depth > maxSchemaDepth {
		return nil, p.errorf("schemas lie more than %d deep in each other", maxSchemaDepth)
	}
	defer func() { c.depth-- }()
	s := newSchema(p)
	c.known[p.node] = s // before what is in it: it may refer to itself
	steps, absent := markSteps, ofAnswers
	if c.answering {
		absent = ofRequests
	}
	s.unasked = c.files.marked(p, absent, &steps)
	if p.node.Kind == yaml.ScalarNode && p.node.ShortTag() == "!!bool" {
		on, err := p.flag("a schema")
		s.never = !on
		return s, err
	}
	if ref, is := p.reference(); is && c.old() { // its neighbours are ignored in 3.0
		return s, c.follow(s, ref)
	}
	err := p.each("a schema", func(word string, key, value place) error {
		if word == "$dynamicRef" || word == "$recursiveRef" || word == "$dynamicAnchor" {
			return c.skip(unreadable{key.errorf("%s is not followed: write $ref", word)})
		}
		if read := keywords[word]; read != nil {
			return read(c, s, word, value)
		}
		c.unheard(word, key, value)
		return nil
	})
	if err != nil {
		delete(c.known, p.node) // nobody is to find half of it
		return nil, err
	}
	return s, c.finish(s)
}

// newSchema is one that constrains nothing.
func newSchema(at place) *schema {
	return &schema{at: at, types: anyKind, minLength: -1, maxLength: -1, minItems: -1, maxItems: -1, minContains: -1, maxContains: -1, minProperties: -1, maxProperties: -1}
}

// old reports whether the document is OpenAPI 3.0, whose schemas are of their own kind.
func (c *compiler) old() bool { return strings.HasPrefix(c.version, "3.0") }

func (c *compiler) follow(s *schema, ref place) error {
	target, err := c.files.target(ref)
	if err == nil {
		s.ref, err = c.compile(target)
	}
	return err
}

// finish puts together what several words say.
func (c *compiler) finish(s *schema) error {
	if nullable, found := s.at.get("nullable"); found && c.old() {
		on, err := nullable.flag("nullable")
		if err != nil {
			return err
		}
		if on {
			s.types |= kindNull
		}
	}
	for word, limit := range map[string]struct{ open, closed **decimal }{
		"exclusiveMinimum": {&s.above, &s.minimum}, "exclusiveMaximum": {&s.below, &s.maximum},
	} {
		exclusive, found := s.at.get(word)
		if !found {
			continue
		}
		if !c.old() {
			err := readDecimal(word, exclusive, limit.open)
			if _, wrong := exclusive.flag(word); wrong == nil {
				err = exclusive.errorf("%s is a number of its own in OpenAPI 3.1: write %s: 5 in place of minimum or maximum: 5 and %s: true", word, word, word)
			}
			if err != nil {
				if err = c.skip(unreadable{err}); err != nil {
					return err
				}
			}
		} else if on, err := exclusive.flag(word); err != nil {
			return err
		} else if on {
			*limit.open, *limit.closed = *limit.closed, nil
		}
	}
	c.neverRight(s)
	if s.contains != nil && s.minContains < 0 {
		s.minContains = 1
	}
	return nil
}

// endless finds a schema that is asked about a value again before anything of the value was looked at.
func (c *compiler) endless() error {
	const open, done = 1, 2
	state := make(map[*schema]int, len(c.known))
	var visit func(s *schema) error
	visit = func(s *schema) error {
		switch state[s] {
		case open:
			return s.at.errorf("this schema refers to itself for the same value: no value could be checked against it")
		case done:
			return nil
		}
		state[s] = open
		next := slices.Concat([]*schema{s.ref, s.not, s.when, s.then, s.otherwise}, s.all, s.any, s.one)
		for _, sub := range s.dependentSchemas {
			next = append(next, sub)
		}
		for _, sub := range next {
			if sub == nil {
				continue
			}
			if err := visit(sub); err != nil {
				return err
			}
		}
		state[s] = done
		return nil
	}
	for _, s := range c.known {
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}
