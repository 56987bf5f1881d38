package describe

import (
	"slices"
	"strings"
)

// maxWords is how many values of a list are told, and how deep schemas are told of.
const (
	maxWords  = 24
	maxDepth  = 4
	maxFields = 80
)

// words say what a value may be: "integer 1–100", "one of `asc`, `desc`".
func (s *schemas) words(n *node, depth int) string {
	at, _ := s.resolve(n)
	text := s.kind(at, depth)
	if fallback := at.get("default"); fallback != nil && fallback.kind == 0 && fallback.value != nil {
		text += ", default " + code(cut(fallback.plain(), 60))
	}
	return text
}

func (s *schemas) kind(n *node, depth int) string {
	if list := n.list("enum"); len(list) > 0 {
		return oneOf(list)
	}
	if value := n.get("const"); value != nil {
		return code(cut(value.plain(), 100))
	}
	types, null := typesOf(n)
	if len(types) == 0 {
		return s.composed(n, depth)
	}
	words := make([]string, len(types))
	for i, kind := range types {
		words[i] = s.ofType(n, kind, depth)
	}
	text := strings.Join(words, " or ")
	if null {
		text += ", or null"
	}
	return text
}

// typesOf are the types of a schema, but for null.
func typesOf(n *node) (types []string, null bool) {
	at := n.get("type")
	if at == nil {
		switch {
		case n.get("properties") != nil:
			return []string{"object"}, false
		case n.get("items") != nil:
			return []string{"array"}, false
		}
		return nil, false
	}
	if text, is := at.value.(string); is {
		return []string{text}, false
	}
	for _, one := range at.elements {
		switch text, _ := one.value.(string); text {
		case "null":
			null = true
		case "":
		default:
			types = append(types, text)
		}
	}
	return types, null
}

func oneOf(list []*node) string {
	var values []string
	null := false
	for n, value := range list {
		switch {
		case value.kind == 0 && value.value == nil:
			null = true
		case n == maxWords:
			values = append(values, "others")
		case n < maxWords:
			values = append(values, code(cut(value.plain(), 60)))
		}
	}
	text := strings.Join(values, ", ")
	if len(values) > 1 {
		text = "one of " + text
	}
	if null {
		text += ", or null"
	}
	return text
}

// composed are the words for a schema without a type.
func (s *schemas) composed(n *node, depth int) string {
	if all := n.list("allOf"); len(all) > 0 && depth < maxDepth {
		return s.words(all[0], depth+1)
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		forms := n.list(word)
		if len(forms) == 0 || depth >= maxDepth {
			continue
		}
		var words []string
		for i, form := range forms {
			if i == 4 {
				words = append(words, "others")
				break
			}
			words = append(words, s.words(form, depth+1))
		}
		return strings.Join(words, " or ")
	}
	return "any value"
}

var formats = map[string]string{
	"date-time": "time (RFC 3339)", "date": "date", "time": "time of day", "uuid": "UUID", "email": "e-mail address", "uri": "URL", "hostname": "host name",
	"ipv4": "IPv4 address", "ipv6": "IPv6 address", "byte": "text in base64", "binary": "bytes",
}

func (s *schemas) ofType(n *node, kind string, depth int) string {
	switch kind {
	case "string":
		text := cell(cut(n.text("title"), 60))
		if text == "" {
			text = formats[n.text("format")]
		}
		if text == "" {
			text = "text"
			if pattern := n.text("pattern"); pattern != "" && len(pattern) <= 60 {
				text += " like " + code(pattern)
			}
		}
		return text + between(n, "minLength", "maxLength", " characters")
	case "integer", "number":
		text := kind + between(n, "minimum", "maximum", "")
		if above, is := n.number("exclusiveMinimum"); is {
			text += " above " + above
		}
		if below, is := n.number("exclusiveMaximum"); is {
			text += " below " + below
		}
		return text
	case "boolean":
		return "true or false"
	case "array":
		text := "list"
		if items := n.get("items"); items != nil && depth < maxDepth {
			text = "list of " + s.words(items, depth+1)
		}
		return text + between(n, "minItems", "maxItems", " entries")
	case "object":
		return "object"
	}
	return cell(kind)
}

// between are the bounds of a length or a number.
func between(n *node, least, most, of string) string {
	low, isLow := n.number(least)
	high, isHigh := n.number(most)
	if of != "" && low == "0" {
		isLow = false
	}
	lead := " "
	if of != "" {
		lead = ", "
	}
	switch {
	case isLow && isHigh && low == high:
		return lead + low + of
	case isLow && isHigh:
		if strings.HasPrefix(low, "-") {
			return lead + low + " to " + high + of
		}
		return lead + low + "–" + high + of
	case isHigh:
		return lead + "up to " + high + of
	case isLow:
		return lead + "at least " + low + of
	}
	return ""
}

// field is a row of a table: a place in a body.
type field struct {
	name, description string
	required          bool
	of                *node
}

// fields are those of a body, with dots between the names; forms reports that there are others, by oneOf or anyOf.
func (s *schemas) fields(n *node) (list []field, forms bool) {
	s.collect(n, "", 0, true, nil, &list, &forms)
	return list, forms
}

// collect adds the fields of a schema. Asked are names that those ask for which hold together with it, as all parts of an allOf do.
func (s *schemas) collect(n *node, prefix string, depth int, need bool, asked []*node, list *[]field, forms *bool) {
	if depth > maxDepth {
		return
	}
	at, _ := s.resolve(n)
	required := append(slices.Clip(asked), s.required(at, depth)...)
	for _, part := range at.list("allOf") {
		s.collect(part, prefix, depth+1, need, required, list, forms)
	}
	if at.list("oneOf") != nil || at.list("anyOf") != nil {
		*forms = true
	}
	properties := at.get("properties")
	if properties == nil {
		return
	}
	for _, p := range properties.members {
		if len(*list) >= maxFields {
			*forms = true
			return
		}
		inner, description := s.resolve(p.value)
		if p.value.flag("readOnly") { // which package openapi writes there, wherever the document says it
			continue
		}
		must := need && has(required, p.name)
		*list = append(*list, field{prefix + p.name, description, must, p.value})
		name := prefix + p.name
		for items := inner.get("items"); items != nil && strings.Count(name, "[]") < maxDepth; items = inner.get("items") {
			inner, _ = s.resolve(items)
			name += "[]"
		}
		if name != prefix+p.name {
			must = false
		}
		s.collect(inner, name+".", depth+1, must, nil, list, forms)
	}
}

// required are the names that a schema asks for, and those that the parts of its allOf do.
func (s *schemas) required(n *node, depth int) (names []*node) {
	names = slices.Clip(n.list("required"))
	for _, part := range n.list("allOf") {
		if at, _ := s.resolve(part); depth <= maxDepth {
			names = append(names, s.required(at, depth+1)...)
		}
	}
	return names
}
