package openapi

import (
	"fmt"
	"strings"
)

// Members of what requests are held against. Schemas may have any word: those of annotations check nothing, and are meant so.
var (
	parameterWords = []string{
		"name", "in", "description", "required", "deprecated", "allowEmptyValue", "style", "explode", "allowReserved", "schema", "example", "examples", "content", "$ref", "summary",
	}
	bodyWords   = []string{"description", "content", "required", "$ref", "summary"}
	mediaWords  = []string{"schema", "example", "examples", "encoding", "$ref", "summary", "description"}
	annotations = words("title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "xml", "externalDocs", "exclusiveMinimum", "exclusiveMaximum",
		"$id", "$schema", "$anchor", "$recursiveAnchor", "$comment", "$defs", "definitions", "$vocabulary", "contentEncoding", "contentMediaType", "contentSchema")
)

// only checks that an object has no member but these: one that is misspelt, such as "shema", would leave its requests unchecked.
func (c *compiler) only(p place, what string, words []string) error {
	if c.answering {
		return nil
	}
	if err := p.has(what, words); err != nil {
		return c.skip(unreadable{err})
	}
	return nil
}

// unheard takes note of a word of a schema that checks nothing, and may be meant to.
func (c *compiler) unheard(word string, key, value place) {
	switch {
	case c.answering || annotations[word] || strings.HasPrefix(word, "x-"):
	case word == "nullable":
		if !c.old() && value.node.Value == "true" {
			c.ignored = append(c.ignored, key.errorf(`OpenAPI 3.1 has no nullable, write type: [string, "null"]`).Error())
		}
	default:
		c.ignored = append(c.ignored, key.errorf("schemas have no word %q", word).Error())
	}
}

// neverRight takes note of allowed values that the type does not allow: [1, 2] where it is string.
func (c *compiler) neverRight(s *schema) {
	enum, found := s.at.get("enum")
	if !found || c.answering {
		return
	}
	n := 0
	for at := range enum.elements {
		if n < len(s.allowed) && kindOf(s.allowed[n])&s.types == 0 {
			c.vain = append(c.vain, at.errorf("%s is allowed here, and the type is %s: put it in quotes, or correct the type", at.shown(), s.types).Error())
		}
		n++
	}
}

// shown is a value as it is written, for warnings.
func (p place) shown() string {
	if p.node.Kind != scalar {
		return "a list or a mapping"
	}
	return fmt.Sprintf("%q", cut(p.node.Value, maxName))
}
