package mcp

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Call is the request that a call of a tool makes.
type Call struct {
	Tool   *Tool
	Method string
	// Path is percent-encoded, and Query as it goes over the wire.
	Path, Query string
	// Header has what the arguments set, and the body's Content-Type.
	Header http.Header
	// Body is the body; nil: there is none.
	Body []byte
}

// ownHeader reports whether a header is the gateway's or the connection's: no argument sets it, whatever a document says.
func ownHeader(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return !httpguts.ValidHeaderFieldName(name) || strings.ContainsAny(name, "_.") || slices.Contains(ownHeaders, name) ||
		slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

var (
	ownHeaders = []string{"Authorization", "Cookie", "Host", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Origin", "Forwarded",
		"Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Request-Id", "X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Http-Method",
		"X-Http-Method-Override", "X-Method-Override", "Content-Length", "Content-Type", "Content-Encoding"}
	ownPrefixes = []string{"Mcp-", "Proxy-", "Sec-", "Accept", "X-Forwarded-", "X-Tollgate-"}
)

// place makes a request of arguments. The refusal says which of them cannot be placed; all else is left to the gate, which judges
// the request as any other.
func (t *Tool) place(arguments map[string]any) (*Call, *refusal.Refusal) {
	p := placing{call: &Call{Tool: t, Method: t.method, Header: http.Header{}}, wrong: map[string]any{}, path: map[string]string{}}
	if t.body.flat {
		p.members = map[string]any{}
	}
	for _, a := range t.order {
		value, given := arguments[a.name]
		if given && value == nil && a.in != "body" {
			given = false // of a parameter, null is nothing
		}
		switch {
		case given:
			p.put(a, value)
		case a.in == "path":
			p.wrong[a.name] = "is missing"
		}
	}
	for name, value := range arguments {
		if t.arguments[name] != nil {
			continue
		}
		if !t.body.flat || !t.body.open || t.names(name) {
			p.wrong[cut(name, 64)] = "is not an argument of this tool"
			continue
		}
		p.members[name] = value
	}
	t.finish(&p)
	if len(p.wrong) > 0 {
		return nil, &refusal.Refusal{Kind: refusal.NotAsDescribed, Details: firstOf(p.wrong)}
	}
	return p.call, nil
}

// names reports whether the document has a name for what is an argument under another one: it has one way in.
func (t *Tool) names(name string) bool {
	return slices.ContainsFunc(t.order, func(a *argument) bool { return a.in != "header" && a.original == name })
}

// firstOf bounds how much is told at once.
func firstOf(wrong map[string]any) map[string]any {
	const most = 32
	for name := range wrong {
		if len(wrong) <= most {
			break
		}
		delete(wrong, name)
	}
	return wrong
}

// placing is a request in the making.
type placing struct {
	call    *Call
	path    map[string]string
	query   []byte
	members map[string]any // of a body that is an object
	whole   any            // a body that is not
	hasBody bool
	wrong   map[string]any
}

func (p *placing) put(a *argument, value any) {
	switch a.in {
	case "body":
		if p.hasBody = true; p.members != nil {
			p.members[a.original] = value
		} else {
			p.putWhole(a, value)
		}
	case "path":
		if text, ok := p.list(a, value, escapeSegment, ","); ok {
			p.path[a.original] = text
			if text == "" {
				p.wrong[a.name] = "must not be empty"
			}
		}
	case "query":
		p.putQuery(a, value)
	case "header":
		text, ok := p.list(a, value, func(text string) (string, string) {
			if !httpguts.ValidHeaderFieldValue(text) || strings.TrimSpace(text) != text {
				return "", "holds characters that no header may hold"
			}
			return text, ""
		}, ",")
		if ok {
			p.call.Header[textproto.CanonicalMIMEHeaderKey(a.original)] = []string{text}
		}
	}
}

// putWhole takes a body that is one argument.
func (p *placing) putWhole(a *argument, value any) {
	if a.isJSON {
		p.whole = value
		return
	}
	text, is := value.(string)
	if !is {
		p.wrong[a.name] = "must be a text"
	}
	p.whole = text
}

// putQuery writes a parameter as its style asks for.
func (p *placing) putQuery(a *argument, value any) {
	name := escapeQuery(a.original)
	add := func(text string) {
		if len(p.query) > 0 {
			p.query = append(p.query, '&')
		}
		p.query = append(append(append(p.query, name...), '='), text...)
	}
	escape := func(text string) (string, string) { return escapeQuery(text), "" }
	if elements, is := value.([]any); is && a.explode && !a.isJSON {
		for _, element := range elements {
			if text, ok := p.scalar(a, element, escape); ok {
				add(text)
			}
		}
		return
	}
	separator := ","
	switch a.style {
	case "spaceDelimited":
		separator = "%20"
	case "pipeDelimited":
		separator = "%7C"
	}
	if text, ok := p.list(a, value, escape, separator); ok {
		add(text)
	}
}

// list writes a value, or the elements of a list with a separator between them.
func (p *placing) list(a *argument, value any, escape func(string) (text, wrong string), separator string) (string, bool) {
	elements, is := value.([]any)
	if !is || a.isJSON {
		return p.scalar(a, value, escape)
	}
	texts := make([]string, len(elements))
	for n, element := range elements {
		text, ok := p.scalar(a, element, escape)
		if !ok {
			return "", false
		}
		texts[n] = text
	}
	return strings.Join(texts, separator), true
}

// scalar writes a single value.
func (p *placing) scalar(a *argument, value any, escape func(string) (text, wrong string)) (string, bool) {
	var text string
	switch value := value.(type) {
	case string:
		text = value
	case json.Number:
		text = string(value)
	case bool:
		text = "false"
		if value {
			text = "true"
		}
	default:
		if !a.isJSON {
			p.wrong[a.name] = "must be a text, a number, a boolean, or a list of such"
			return "", false
		}
	}
	if a.isJSON {
		text = string(compact(value))
	}
	escaped, wrong := escape(text)
	if wrong != "" {
		p.wrong[a.name] = wrong
		return "", false
	}
	return escaped, true
}

// finish puts the parts together.
func (t *Tool) finish(p *placing) {
	segments := make([]string, len(t.template))
	for n, part := range t.template {
		segments[n] = route.Literal(part)
		if name, is := strings.CutPrefix(part, ":"); is {
			segments[n] = p.path[name]
		}
	}
	p.call.Path, p.call.Query = "/"+strings.Join(segments, "/"), string(p.query)
	switch {
	case t.body.kind == "":
		return
	case p.members != nil:
		if !p.hasBody && len(p.members) == 0 && !t.body.required {
			return
		}
		p.call.Body = compact(p.members)
	case !p.hasBody:
		return
	default:
		if text, is := p.whole.(string); is && !t.jsonBody() {
			p.call.Body = []byte(text)
		} else {
			p.call.Body = compact(p.whole)
		}
	}
	p.call.Header["Content-Type"] = []string{t.body.kind}
}

// jsonBody reports whether the body that is one argument is JSON.
func (t *Tool) jsonBody() bool {
	return slices.ContainsFunc(t.order, func(a *argument) bool { return a.in == "body" && a.isJSON })
}

// escapeSegment is a text as one segment of a path. What could be taken for more than one, or for another path, is refused; all but
// the unreserved characters of RFC 3986 are percent-encoded, as the gate asks for.
func escapeSegment(text string) (escaped, wrong string) {
	before, _, _ := strings.Cut(text, ";")
	switch {
	case before == "." || before == "..":
		return "", "must not be '.' or '..'"
	case strings.ContainsAny(text, `/\`):
		return "", "must not hold a slash or a backslash"
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", "must not hold control characters"
	}
	return escape(text), ""
}

// escapeQuery is a text as a part of a query. A space is %20: a plus is one only to some.
func escapeQuery(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func escape(text string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(text))
	for n := range len(text) {
		c := text[n]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', digits[c>>4], digits[c&15])
	}
	return string(b)
}
