package describe

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// sample makes a value that a schema most likely takes: of its examples, its default or its first allowed value, and by its type where
// nothing else is asked of it. Whole asks for all members of objects, not only those that are needed. It reports false where it cannot tell.
func (s *schemas) sample(n *node, whole bool, depth int) (*node, bool) {
	at, _ := s.resolve(n)
	for _, value := range append(slices.Clip(at.list("examples")), at.get("example"), at.get("default"), at.get("const")) {
		if value != nil {
			return value, true
		}
	}
	if list := at.list("enum"); len(list) > 0 {
		return list[0], true
	}
	if depth > maxDepth || at.get("not") != nil || at.get("if") != nil || at.list("allOf") != nil {
		return nil, false
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		if forms := at.list(word); len(forms) > 0 {
			if at.get("properties") != nil {
				return nil, false
			}
			return s.sample(forms[0], whole, depth+1)
		}
	}
	types, null := typesOf(at)
	if len(types) == 0 {
		return &node{}, null
	}
	return s.sampleOf(at, types[0], whole, depth)
}

func (s *schemas) sampleOf(n *node, kind string, whole bool, depth int) (*node, bool) {
	switch kind {
	case "string":
		return sampleText(n)
	case "integer", "number":
		return sampleNumber(n)
	case "boolean":
		return &node{value: true}, true
	case "array":
		made := &node{kind: '['}
		if least, is := n.number("minItems"); (is && least != "0" || whole) && n.get("items") != nil {
			one, ok := s.sample(n.get("items"), whole, depth+1)
			if !ok || is && least != "0" && least != "1" {
				return nil, whole && ok
			}
			made.elements = []*node{one}
		}
		return made, true
	case "object":
		return s.sampleObject(n, whole, depth)
	}
	return nil, false
}

func (s *schemas) sampleObject(n *node, whole bool, depth int) (*node, bool) {
	made := &node{kind: '{'}
	properties, required := n.get("properties"), n.list("required")
	for _, r := range required {
		if name, _ := r.value.(string); properties.get(name) == nil {
			return nil, false
		}
	}
	if least, is := n.number("minProperties"); is && !whole && least != "0" && len(required) == 0 {
		return nil, false
	}
	if properties == nil {
		return made, true
	}
	hidden := "readOnly" // a request has nothing of it, and an answer nothing of writeOnly
	if whole {
		hidden = "writeOnly"
	}
	for _, p := range properties.members {
		needed := has(required, p.name)
		if !needed && !whole || p.value.flag(hidden) { // which package openapi writes there, wherever the document says it
			continue
		}
		value, ok := s.sample(p.value, whole, depth+1)
		if !ok && needed {
			return nil, false
		}
		if ok {
			made.members = append(made.members, member{p.name, value})
		}
	}
	return made, true
}

var sampleFormats = map[string]string{
	"date-time": "2026-01-31T09:00:00Z", "date": "2026-01-31", "uuid": "0b0e7c9a-5f0e-4c39-9d0f-3d5c1f0a7d11", "email": "ana@example.com",
	"uri": "https://example.com/", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
}

func sampleText(n *node) (*node, bool) {
	if n.text("pattern") != "" {
		return nil, false
	}
	text, known := sampleFormats[n.text("format")]
	if !known {
		text = "text"
		if n.text("format") != "" && n.text("format") != "password" {
			return nil, false
		}
		if most, is := n.number("maxLength"); is && len(most) == 1 && most < "4" {
			text = "a"
		}
		if least, is := n.number("minLength"); is && (len(least) > 1 || least > "4") {
			return nil, false
		}
	}
	return &node{value: text}, true
}

func sampleNumber(n *node) (*node, bool) {
	if n.get("multipleOf") != nil || n.get("exclusiveMinimum") != nil || n.get("exclusiveMaximum") != nil {
		return nil, false
	}
	if least, is := n.number("minimum"); is {
		return &node{value: json.Number(least)}, !strings.ContainsAny(least, ".eE") || n.text("type") == "number"
	}
	if most, is := n.number("maximum"); is {
		return &node{value: json.Number(most)}, true
	}
	return &node{value: json.Number("1")}, true
}

// curl is a request for an operation, to be pasted; "": nobody can tell what its body would be.
func (m *model) curl(t *told) string {
	var query []string
	path := inShell(t.path)
	var headers []string
	for n := range t.parameters {
		p := &t.parameters[n]
		if !p.required && p.in != "path" {
			continue
		}
		value, ok := m.valueOf(p)
		escaped := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		if !ok {
			escaped = "$" + variable(p.name)
		}
		switch p.in {
		case "path":
			path = strings.ReplaceAll(path, inShell("{"+p.name+"}"), escaped)
		case "query":
			query = append(query, strings.ReplaceAll(url.QueryEscape(p.name), "+", "%20")+"="+escaped)
		case "header":
			if !ok {
				value = escaped
			} else {
				value = inShell(value)
			}
			headers = append(headers, ` -H "`+inShell(p.name)+`: `+value+`"`)
		}
	}
	text := "curl -s"
	if !t.route.Public {
		text += ` -H "Authorization: Bearer $KEY"`
	}
	text += strings.Join(headers, "")
	body, kind, ok := m.bodyOf(t)
	if !ok {
		return ""
	}
	switch {
	case t.method == "HEAD":
		text += " -I"
	case t.method == "GET" && body == nil, t.method == "POST" && body != nil: // curl's own choice
	default:
		text += " -X " + t.method
	}
	if body != nil {
		text += ` -H "Content-Type: ` + inShell(kind) + `"`
	}
	text += ` "$BASE` + path
	if len(query) > 0 {
		text += "?" + strings.Join(query, "&")
	}
	text += `"`
	if body != nil {
		text += " \\\n  -d '" + strings.ReplaceAll(string(body), "'", `'\''`) + "'"
	}
	return text
}

// bodyOf is a body for an operation; nil: it needs none. It reports false where nobody can tell.
func (m *model) bodyOf(t *told) (body []byte, kind string, ok bool) {
	if t.body == nil || len(t.contents) == 0 {
		return nil, "", true
	}
	c := firstJSON(t.contents)
	if c == nil {
		return nil, "", !t.body.Required
	}
	if c.example != nil {
		return parse(c.example).json(), c.kind, true
	}
	value, ok := m.sample(parse(c.schema), false, 0)
	if !ok || len(c.schema) == 0 {
		return nil, "", false
	}
	return value.json(), c.kind, true
}

func firstJSON(list []content) *content {
	for n := range list {
		if kind := list[n].kind; kind == "application/json" || strings.HasSuffix(kind, "+json") {
			return &list[n]
		}
	}
	return nil
}

// valueOf is a value for a parameter.
func (m *model) valueOf(p *parameter) (string, bool) {
	value := &node{}
	ok := p.example != nil
	if ok {
		value = parse(p.example)
	} else if len(p.schema) > 0 {
		at := parse(p.schema)
		resolved, _ := m.resolve(at)
		if value, ok = m.sample(at, false, 0); ok && p.in == "path" && resolved.text("type") == "string" && value.value == "text" {
			ok = false // the name of something that only the caller knows
		}
	}
	if !ok || value.kind == '{' && !p.isJSON {
		return "", false
	}
	if value.kind == '[' && !p.isJSON {
		if len(value.elements) == 0 {
			return "", false
		}
		value = value.elements[0]
	}
	return value.plain(), true
}

// variable is a name as a variable of a shell's.
func variable(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9' || r == '_':
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] <= '9' || slices.Contains(taken, name) {
		name = "P" + name
	}
	return name
}

// taken are variables that have a value already: the examples' own, of which one is the key, and those of shells.
var taken = strings.Fields("KEY BASE PATH HOME USER LOGNAME HOSTNAME HOST SHELL PWD OLDPWD LANG TERM MAIL EDITOR VISUAL PAGER DISPLAY TMPDIR TZ IFS UID EUID GID EGID GROUPS PPID RANDOM " +
	"SECONDS LINENO OPTARG OPTIND REPLY COLUMNS LINES STATUS USERNAME MACHTYPE HOSTTYPE OSTYPE CPUTYPE VENDOR TTY SHLVL HISTFILE HISTSIZE FUNCNAME EPOCHSECONDS EPOCHREALTIME SRANDOM _")
