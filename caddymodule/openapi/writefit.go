package openapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// typeNames are the values of the word type (JSON Schema Validation 2020-12, section 6.1.1).
var typeNames = []string{"null", "boolean", "object", "array", "number", "string", "integer"}

// What the words of a schema hold, by the metaschema of JSON Schema 2020-12.
var (
	numberWords = words("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
	countWords  = words("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
	flagWords   = words("uniqueItems", "readOnly", "writeOnly", "deprecated")
	textWords   = words("title", "description", "format", "pattern", "contentEncoding", "contentMediaType")
	lineupWords = words("enum", "required", "examples")
)

// unfit are the words of a schema that hold what JSON Schema 2020-12 does not allow them, and values that look like references: what
// they name is not where the schema is written.
func unfit(p place) map[string]bool {
	wrong := map[string]bool{}
	for word, at := range p.members {
		if !mayHold(word, at) {
			wrong[word] = true
		}
	}
	return wrong
}

// mayHold reports whether a word may hold a value.
func mayHold(word string, at place) bool {
	switch {
	case word == "type":
		return fitsType(at)
	case numberWords[word]:
		return holdsNumber(at) && (word != "multipleOf" || !strings.HasPrefix(at.node.Value, "-"))
	case countWords[word]:
		_, err := strconv.ParseUint(at.node.Value, 10, 64)
		return holdsNumber(at) && err == nil
	case flagWords[word]:
		return at.node.ShortTag() == "!!bool"
	case textWords[word]:
		return holdsText(at)
	case listWords[word]:
		return at.node.Kind == sequence && len(at.node.Content) > 0
	case namedWords[word]:
		return at.node.Kind == mapping
	case lineupWords[word]:
		return at.node.Kind == sequence && (word != "enum" || len(at.node.Content) > 0) && (word != "required" || areNames(at)) && !refers(at.node, 0)
	case word == "example" || word == "default":
		return !refers(at.node, 0)
	case word == "dependentRequired":
		return at.node.Kind == mapping && !slices.ContainsFunc(slices.Collect(values(at)), func(list place) bool { return list.node.Kind != sequence || !areNames(list) })
	}
	return true
}

func fitsType(at place) bool {
	if at.node.Kind != sequence {
		return slices.Contains(typeNames, at.node.Value)
	}
	seen := map[string]bool{}
	for one := range at.elements {
		if !slices.Contains(typeNames, one.node.Value) || seen[one.node.Value] {
			return false
		}
		seen[one.node.Value] = true
	}
	return len(seen) > 0
}

func holdsNumber(at place) bool {
	if at.node.Kind != scalar {
		return false
	}
	value, err := at.file.reader.Value(at.node, "a value")
	_, is := value.(json.Number)
	return err == nil && is
}

func holdsText(at place) bool {
	if at.node.Kind != scalar {
		return false
	}
	value, err := at.file.reader.Value(at.node, "a value")
	_, is := value.(string)
	return err == nil && is
}

// areNames reports whether a list holds texts, each once.
func areNames(at place) bool {
	seen := map[string]bool{}
	for one := range at.elements {
		if !holdsText(one) || seen[one.node.Value] {
			return false
		}
		seen[one.node.Value] = true
	}
	return true
}

func values(p place) func(func(place) bool) {
	return func(yield func(place) bool) {
		for _, at := range p.members {
			if !yield(at) {
				return
			}
		}
	}
}

// refers reports whether a value holds a member $ref, as far as values are written.
func refers(n *yaml.Node, depth int) bool {
	if n.Kind == scalar || depth > maxWritten {
		return false
	}
	for i, part := range n.Content {
		if n.Kind == mapping && i%2 == 0 && part.Value == "$ref" || refers(part, depth+1) {
			return true
		}
	}
	return false
}
