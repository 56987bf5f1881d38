package openapi

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
)

// parameters finds what stands for a value in a template of a document, and either in one that an operator wrote in its style
// or as a route's.
var (
	parameters = regexp.MustCompile(`\{([^{}]*)\}`)
	either     = regexp.MustCompile(`\{([^{}]*)\}|:([A-Za-z_][A-Za-z0-9_]*)`)
)

// pattern is a document's template as a route's: "/a/{user-id}" is "/a/:user_id".
func pattern(template string) string {
	var taken []string
	return rewritten(template, func(name string) string {
		name = word(name)
		unique := name
		for n := 2; slices.Contains(taken, unique); n++ {
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		taken = append(taken, unique)
		return ":" + unique
	})
}

// shape is a document's template whatever its parameters are called.
func shape(template string) string {
	return rewritten(template, func(string) string { return ":" })
}

// behind is what follows in a shape on a path that an operator wrote: a parameter in either style, and a text behind a colon that the
// document has so, as in /leads:batch. It reports false where the shape does not begin with the path.
func behind(shape, path string) (rest string, is bool) {
	end := 0
	for _, m := range either.FindAllStringIndex(path, -1) {
		if shape, is = strings.CutPrefix(shape, literal(path[end:m[0]])); !is {
			return "", false
		}
		if rest, is = strings.CutPrefix(shape, ":"); !is {
			if rest, is = strings.CutPrefix(shape, literal(path[m[0]:m[1]])); !is {
				return "", false
			}
		}
		shape, end = rest, m[1]
	}
	return strings.CutPrefix(shape, literal(path[end:]))
}

// rewritten is a template with its parameters written anew, and with its literals in the one spelling that requests have.
func rewritten(template string, parameter func(name string) string) string {
	var b strings.Builder
	end := 0
	for _, m := range parameters.FindAllStringIndex(template, -1) {
		b.WriteString(literal(template[end:m[0]]))
		b.WriteString(parameter(strings.Trim(template[m[0]:m[1]], ":{}")))
		end = m[1]
	}
	b.WriteString(literal(template[end:]))
	return b.String()
}

// word is a name that a route's parameter may have.
func word(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// literal encodes what does not stand for itself in the path of a request, or in a route.
func literal(text string) string {
	var b strings.Builder
	for _, c := range target.AppendDecoded(nil, text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/!$&'()+,=@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unsayable tells why no route can say a document's template; "": one can.
func unsayable(template string) string {
	switch {
	case strings.ContainsAny(template, "?#"):
		return "a path has no query and no fragment"
	case strings.Contains(strings.ToLower(template), "%2f"):
		return "an encoded slash is refused in every request"
	}
	for segment := range strings.SplitSeq(template, "/") {
		found := parameters.FindStringIndex(segment)
		switch {
		case found == nil && !strings.ContainsAny(segment, "{}"):
		case found == nil || found[0] > 0 || found[1] < len(segment):
			return fmt.Sprintf("in %q a parameter is only a part of a segment: a route's parameter is a whole one", segment)
		case strings.ContainsAny(segment, "+*"):
			return fmt.Sprintf("%q stands for more than one segment: an OpenAPI parameter is one", segment)
		}
	}
	return ""
}

// prefixes are the paths of the servers that hold for an operation, without a final slash, each once.
func (o *operation) prefixes() (list []string, err error) {
	if o.server.node == nil {
		return []string{""}, nil
	}
	err = o.server.list("servers", func(server place) error {
		prefix, err := serverPath(server)
		if err == nil && !slices.Contains(list, prefix) {
			list = append(list, prefix)
		}
		return err
	})
	if err == nil && len(list) == 0 {
		list = []string{""}
	}
	return list, err
}

// serverPath is the path of a server's address, its variables replaced by their defaults.
func serverPath(server place) (string, error) {
	at, found := server.get("url")
	if !found {
		return "", server.errorf(`a server has no "url": write one, such as https://api.example.com/v1`)
	}
	text, err := at.text()
	if err != nil {
		return "", err
	}
	variables, _ := server.get("variables")
	for _, m := range parameters.FindAllStringSubmatch(text, -1) {
		variable, _ := variables.get(m[1])
		value, found := variable.get("default")
		if !found {
			return "", at.errorf("server %q: variable %s has no default: write one, for a path is needed", text, m[0])
		}
		plain, err := value.text()
		if err != nil {
			return "", err
		}
		text = strings.ReplaceAll(text, m[0], plain)
	}
	if at := strings.Index(text, "://"); at > 0 { // whatever the host is: only the path is asked
		_, rest, _ := strings.Cut(text[at+3:], "/")
		text = "http://host/" + rest
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", at.errorf("server %q is not an address: write one, such as https://api.example.com/v1", text)
	}
	if u.Host == "" && !strings.HasPrefix(u.Path, "/") || u.Opaque != "" {
		return "", at.errorf("server %q begins where the document is served, which a gateway does not know: write an address, or a path from the root, such as /v1", text)
	}
	return strings.TrimRight(u.EscapedPath(), "/"), nil
}
