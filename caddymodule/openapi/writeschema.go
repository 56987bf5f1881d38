package openapi

import (
	"slices"
	"strings"
)

// What stands in the words of a schema: schemas, lists of them, and schemas by name. All other words are values.
var (
	schemaWords = words("not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
		"additionalItems", "contentSchema")
	listWords  = words("allOf", "anyOf", "oneOf", "prefixItems")
	namedWords = words("properties", "patternProperties", "dependentSchemas")
	// leftOutWords would mean something else where the schema is written, or would lead back into the document.
	leftOutWords = words("$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "$comment", "$defs", "definitions",
		"externalDocs", "xml")
)

func words(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, word := range list {
		set[word] = true
	}
	return set
}

// schema writes a schema.
func (w *writer) schema(p place) {
	defer w.leave()
	switch {
	case !w.enter():
	case p.node.Kind == scalar && (p.node.Value == "true" || p.node.Value == "false"):
		w.b = append(w.b, p.node.Value...)
	case p.node.Kind != mapping:
		w.b = append(w.b, "{}"...)
	default:
		w.members(p)
	}
}

func (w *writer) members(p place) {
	old := strings.HasPrefix(w.document.version, "3.0")
	ref, isRef := p.reference()
	target := ""
	if isRef {
		if at, err := w.document.files.target(ref); err == nil {
			target = w.definitions.Prefix + w.definitions.name(Value{w.document, at}, ref.node.Value)
		}
	}
	modern := modernized{}
	if w.definitions.Modern {
		modern = modernize(p, old)
	}
	together := w.together
	defer func() { w.together = together }()
	w.together = append(slices.Clip(together), p)
	w.object(p, func(word string, at place) {
		switch {
		case word == "$ref":
			w.b = appendString(w.b, target)
		case word == "allOf":
			w.list(at, w.schema)
		case schemaWords[word]:
			w.alone(at)
		case listWords[word]:
			w.list(at, w.alone)
		case word == "properties":
			w.object(at, func(_ string, at place) { w.property(at) }, nil)
		case namedWords[word]:
			w.object(at, func(_ string, at place) { w.alone(at) }, nil)
		case word == "required" && at.node.Kind == sequence:
			w.required(at)
		case word == "discriminator":
			w.discriminator(at)
		default:
			w.value(at)
		}
	}, func(word string) bool {
		if word == "$ref" {
			return target == ""
		}
		return isRef && old || leftOutWords[word] || strings.HasPrefix(word, "x-") || modern.leftOut[word] || w.definitions.Modern && word == "discriminator"
	})
	if len(modern.more) > 0 && w.err == nil && !isRef {
		w.more(modern.more)
	}
}

// alone writes a schema that is for another value, or does not have to hold together with those around it.
func (w *writer) alone(p place) {
	together := w.together
	w.together = nil
	w.schema(p)
	w.together = together
}

// property writes the schema of a property, which itself says whether it is only in answers or only in requests: who reads it need not
// know where else that may be said.
func (w *writer) property(p place) {
	w.alone(p)
	if !w.definitions.Modern || p.node.Kind != mapping || w.err != nil {
		return
	}
	for _, word := range []string{ofAnswers, ofRequests} {
		steps := markSteps
		at, found := p.get(word)
		_, isRef := p.reference()
		written := found && p.is(word) && at.node.ShortTag() == "!!bool" && !(isRef && strings.HasPrefix(w.document.version, "3.0"))
		if !written && w.document.files.marked(p, word, &steps) {
			w.more([]member{{name: word, before: "true"}})
		}
	}
}

// required writes the names that are asked for.
func (w *writer) required(p place) {
	words := map[string]bool{ofAnswers: w.definitions.Asking, ofRequests: w.definitions.Answering}
	w.b = append(w.b, '[')
	first := true
	for at := range p.elements {
		if slices.ContainsFunc(w.together, func(s place) bool {
			steps := markSteps
			return words[ofAnswers] && w.document.files.lets(s, at.node.Value, ofAnswers, &steps) || words[ofRequests] && w.document.files.lets(s, at.node.Value, ofRequests, &steps)
		}) {
			continue
		}
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.value(at)
	}
	w.b = append(w.b, ']')
}

// more writes further members into the object that was written last.
func (w *writer) more(members []member) {
	w.b = w.b[:len(w.b)-1]
	for _, m := range members {
		if w.b[len(w.b)-1] != '{' {
			w.b = append(w.b, ',')
		}
		w.b = append(appendString(w.b, m.name), ':')
		w.b = append(w.b, m.before...)
		if m.at.node != nil {
			w.value(m.at)
		}
		w.b = append(w.b, m.after...)
	}
	w.b = append(w.b, '}')
}

// discriminator writes where it leads to anew.
func (w *writer) discriminator(p place) {
	w.object(p, func(word string, at place) {
		if word != "mapping" {
			w.value(at)
			return
		}
		targets := map[string]string{}
		for name, at := range at.members {
			if at.node.Kind != scalar {
				continue
			}
			ref := at
			if !strings.ContainsAny(at.node.Value, "/#.") {
				named := *at.node
				named.Value = "#/components/schemas/" + at.node.Value
				ref = place{w.document.top.file, &named}
			}
			if to, err := w.document.files.target(ref); err == nil {
				targets[name] = w.definitions.Prefix + w.definitions.name(Value{w.document, to}, ref.node.Value)
			}
		}
		w.object(at, func(name string, _ place) { w.b = appendString(w.b, targets[name]) }, func(name string) bool { return targets[name] == "" })
	}, func(word string) bool { return strings.HasPrefix(word, "x-") })
}

// modernized is what becomes of the words of OpenAPI 3.0 that JSON Schema 2020-12 has not.
type modernized struct {
	leftOut map[string]bool
	more    []member
}

type member struct {
	name, before string
	at           place
	after        string
}

// modernize says so, and leaves out what no schema of 2020-12 holds: whoever checks schemas before use refuses all of them for it.
func modernize(p place, old bool) (m modernized) {
	m.leftOut = unfit(p)
	m.leftOut["nullable"] = true
	if kind, found := p.get("type"); old && found && p.is("nullable") && !m.leftOut["type"] {
		m.leftOut["type"] = true
		m.more = append(m.more, member{"type", "[", kind, `,"null"]`})
	}
	if example, found := p.get("example"); old && found {
		if !m.leftOut["example"] {
			m.more = append(m.more, member{"examples", "[", example, "]"})
		}
		m.leftOut["example"], m.leftOut["examples"] = true, true
	}
	for _, words := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		word, limit := words[0], words[1]
		if exclusive, found := p.get(word); !found || exclusive.node.ShortTag() != "!!bool" || exclusive.node.Value != "true" {
			continue
		}
		if at, found := p.get(limit); found && !m.leftOut[limit] {
			m.leftOut[limit] = true
			m.more = append(m.more, member{name: word, at: at})
		}
	}
	return m
}
