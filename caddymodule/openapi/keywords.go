package openapi

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keywords read what constrains a value. What is not among them says something to people.
var keywords map[string]keyword

// keyword reads a word of a schema, whose value stands at a place.
type keyword func(c *compiler, s *schema, word string, at place) error

func init() { // they call compile, which reads them
	one := func(into func(*schema) **schema) keyword {
		return func(c *compiler, s *schema, _ string, at place) (err error) {
			*into(s), err = c.compile(at)
			return err
		}
	}
	list := func(into func(*schema) *[]*schema) keyword {
		return func(c *compiler, s *schema, word string, at place) error {
			return at.list(word, func(at place) error {
				sub, err := c.compile(at)
				if err == nil {
					*into(s) = append(*into(s), sub)
				}
				return err
			})
		}
	}
	number := func(into func(*schema) **decimal) keyword {
		return func(_ *compiler, s *schema, word string, at place) error { return readDecimal(word, at, into(s)) }
	}
	count := func(into func(*schema) *int) keyword {
		return func(_ *compiler, s *schema, word string, at place) (err error) {
			text := strings.TrimSuffix(at.node.Value, ".0")
			if *into(s), err = strconv.Atoi(text); err != nil || *into(s) < 0 {
				return at.errorf("%s %q is not a whole number of at least 0", word, at.node.Value)
			}
			return nil
		}
	}
	keywords = map[string]keyword{
		"$ref": func(c *compiler, s *schema, _ string, at place) error { return c.follow(s, at) },
		"type": readTypes,
		"enum": func(_ *compiler, s *schema, word string, at place) error {
			s.isEnum = true
			return at.list(word, s.allow)
		},
		"const": func(_ *compiler, s *schema, _ string, at place) error { // beside an enum, both hold
			only := newSchema(at)
			only.isEnum = true
			s.all = append(s.all, only)
			return only.allow(at)
		},
		"not": one(func(s *schema) **schema { return &s.not }), "if": one(func(s *schema) **schema { return &s.when }),
		"then": one(func(s *schema) **schema { return &s.then }), "else": one(func(s *schema) **schema { return &s.otherwise }),
		"allOf": list(func(s *schema) *[]*schema { return &s.all }), "anyOf": list(func(s *schema) *[]*schema { return &s.any }),
		"oneOf": list(func(s *schema) *[]*schema { return &s.one }), "prefixItems": list(func(s *schema) *[]*schema { return &s.prefix }),
		"items": one(func(s *schema) **schema { return &s.items }), "contains": one(func(s *schema) **schema { return &s.contains }),
		"additionalProperties":  one(func(s *schema) **schema { return &s.additional }),
		"propertyNames":         one(func(s *schema) **schema { return &s.propertyNames }),
		"unevaluatedItems":      one(func(s *schema) **schema { return &s.unevaluatedItems }),
		"unevaluatedProperties": one(func(s *schema) **schema { return &s.unevaluatedProperties }),
		"minimum":               number(func(s *schema) **decimal { return &s.minimum }), "maximum": number(func(s *schema) **decimal { return &s.maximum }),
		"multipleOf": number(func(s *schema) **decimal { return &s.multiple }),
		"minLength":  count(func(s *schema) *int { return &s.minLength }), "maxLength": count(func(s *schema) *int { return &s.maxLength }),
		"minItems": count(func(s *schema) *int { return &s.minItems }), "maxItems": count(func(s *schema) *int { return &s.maxItems }),
		"minContains": count(func(s *schema) *int { return &s.minContains }), "maxContains": count(func(s *schema) *int { return &s.maxContains }),
		"minProperties": count(func(s *schema) *int { return &s.minProperties }), "maxProperties": count(func(s *schema) *int { return &s.maxProperties }),
		"uniqueItems": func(_ *compiler, s *schema, word string, at place) (err error) {
			s.unique, err = at.flag(word)
			return err
		},
		"pattern": func(c *compiler, s *schema, _ string, at place) (err error) {
			s.pattern, err = readPattern(at)
			return c.skip(err)
		},
		"format": func(_ *compiler, s *schema, _ string, at place) error {
			s.formatName, s.format = at.node.Value, formats[at.node.Value]
			return nil
		},
		"required": func(c *compiler, s *schema, word string, at place) (err error) {
			if _, wrong := at.flag(word); wrong == nil { // as parameters have it, and properties in OpenAPI 2
				return c.skip(unreadable{at.errorf(`required of a schema is a list of names: write it beside the properties that have the name, as required: [name], and nothing where they may be missing`)})
			}
			s.required, err = texts(word, at)
			return err
		},
		"properties":        readProperties,
		"patternProperties": readPatternProperties,
		"dependentRequired": func(_ *compiler, s *schema, word string, at place) error {
			s.dependentRequired = map[string][]string{}
			return at.each(word, func(name string, _, value place) (err error) {
				s.dependents = append(s.dependents, name)
				s.dependentRequired[name], err = texts(word+" of "+name, value)
				return err
			})
		},
		"dependentSchemas": func(c *compiler, s *schema, _ string, at place) error {
			s.dependentSchemas = map[string]*schema{}
			return at.each("dependentSchemas", func(name string, _, value place) (err error) {
				s.dependents = append(s.dependents, name)
				s.dependentSchemas[name], err = c.compile(value)
				return err
			})
		},
	}
}

func texts(word string, at place) (list []string, err error) {
	return list, at.list(word, func(p place) error {
		text, err := p.text()
		list = append(list, text)
		return err
	})
}

func readTypes(_ *compiler, s *schema, _ string, at place) error {
	s.types = 0
	read := func(at place) error {
		kind, known := kindsOf[at.node.Value]
		if !known {
			return at.errorf("type %q is not one of null, boolean, string, integer, number, array, object", at.node.Value)
		}
		s.types |= kind
		return nil
	}
	if at.node.Kind == yaml.SequenceNode {
		return at.list("type", read)
	}
	return read(at)
}

func (s *schema) allow(at place) error {
	value, err := at.file.reader.Value(at.node, "an allowed value")
	s.allowed = append(s.allowed, value)
	return err
}

func readDecimal(word string, at place, into **decimal) error {
	d, ok := parseDecimal(at.node.Value)
	if !ok || len(at.node.Value) > 100 || d.exponent > 400 || d.exponent < -400 {
		return at.errorf("%s %q is not a number", word, at.node.Value)
	}
	*into = &d
	return nil
}

func readProperties(c *compiler, s *schema, _ string, at place) error {
	s.properties = map[string]*schema{}
	return at.each("properties", func(name string, _, value place) (err error) {
		s.names = append(s.names, name)
		s.properties[name], err = c.compile(value)
		return err
	})
}

func readPatternProperties(c *compiler, s *schema, _ string, at place) error {
	return at.each("patternProperties", func(name string, key, value place) error {
		p, err := readPattern(key)
		if err := c.skip(err); err != nil {
			return err
		}
		if p == nil { // it may name any member
			s.patterns = append(s.patterns, patternProperty{&regular{anyText, 1}, newSchema(value)})
			return nil
		}
		sub, err := c.compile(value)
		s.patterns = append(s.patterns, patternProperty{p, sub})
		return err
	})
}

var anyText = regexp.MustCompile("")

// readPattern reads a regular expression, which must be one of RE2: others cannot be matched in bounded time.
func readPattern(at place) (*regular, error) {
	text, err := at.text()
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, unreadable{at.errorf("pattern %q is not of RE2, in which nothing looks around or back: %w", text, err)}
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxPattern {
		return nil, unreadable{at.errorf("pattern %q is too large", text)}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, at.errorf("pattern %q: %w", text, err)
	}
	return &regular{re, len(program.Inst)}, nil
}
