package route

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
)

// pattern is a template, read.
type pattern struct {
	segments []segment
	slash    bool // it ends in a slash
}

// segment is one segment of a template: a literal, unless it has a name.
type segment struct {
	literal string // decoded
	name    string // the parameter's; "*" for the wildcard
}

const wildcard = "*"

// parsePattern reads a template. What it accepts is matched by some path that package target accepts.
func parsePattern(s string) (pattern, error) {
	switch {
	case !strings.HasPrefix(s, "/"):
		return pattern{}, errors.New("a template begins with a slash")
	case strings.ContainsAny(s, "{}"):
		return pattern{}, errors.New("braces do not make parameters: Caddy itself replaces {file}, {path} and their like before the route is read; write :name for one segment or a final * for the rest")
	case strings.Contains(s, "?"):
		return pattern{}, errors.New("a template does not take a query: write the path alone")
	}
	if _, err := target.Parse(s, s); err != nil {
		return pattern{}, fmt.Errorf("no request can match it: %w", err)
	}
	trimmed := strings.TrimSuffix(s[1:], "/")
	p := pattern{slash: trimmed != s[1:] || s == "/"}
	if trimmed == "" {
		return p, nil
	}
	texts := strings.Split(trimmed, "/")
	if len(texts) > MaxSegments {
		return pattern{}, fmt.Errorf("it has %d segments: at most %d are allowed", len(texts), MaxSegments)
	}
	for i, text := range texts {
		segment, err := parseSegment(text)
		if err != nil {
			return pattern{}, err
		}
		if segment.name == wildcard && (i < len(texts)-1 || p.slash) {
			return pattern{}, errors.New("'*' may stand only as the whole last segment")
		}
		if segment.name != "" && p.has(segment.name) {
			return pattern{}, fmt.Errorf("parameter :%s stands in it twice: give each its own name", segment.name)
		}
		p.segments = append(p.segments, segment)
	}
	return p, nil
}

func parseSegment(text string) (segment, error) {
	if text == wildcard {
		return segment{name: wildcard}, nil
	}
	name, isParam := strings.CutPrefix(text, ":")
	switch {
	case strings.Contains(name, "*"):
		return segment{}, fmt.Errorf("segment %q: '*' may stand only as the whole last segment; as a literal it is written %%2A", text)
	case isParam && !isName(name):
		return segment{}, fmt.Errorf("segment %q: a parameter is a whole segment, ':' and a name of A-Z a-z 0-9 _, the first no digit; as a literal ':' is written %%3A", text)
	case isParam:
		return segment{name: name}, nil
	case strings.Contains(text, ":"):
		return segment{}, fmt.Errorf("segment %q: ':' may stand only at the beginning of a segment; as a literal it is written %%3A", text)
	}
	literal := string(target.AppendDecoded(nil, text))
	if len(literal) > MaxLiteral {
		return segment{}, fmt.Errorf("a segment has %d bytes: at most %d are allowed", len(literal), MaxLiteral)
	}
	return segment{literal: literal}, nil
}

// isName reports whether s may name a parameter: policies read it as input.route.params.name.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}

// has reports whether the pattern has a parameter of that name.
func (p *pattern) has(name string) bool {
	return slices.ContainsFunc(p.segments, func(s segment) bool { return s.name == name })
}

// equal reports whether both patterns match the same paths, given that they have the same precision.
func (p *pattern) equal(other *pattern) bool {
	return p.slash == other.slash && slices.EqualFunc(p.segments, other.segments, func(a, b segment) bool {
		return a.literal == b.literal
	})
}

// read appends the parameters of a path to params, and reports whether the path is spelled exactly as the pattern says.
func (p *pattern) read(path string, params []Param) ([]Param, bool) {
	rest := path
	for _, s := range p.segments {
		if len(rest) < 2 || rest[0] != '/' {
			return params, false
		}
		text := rest[1:]
		if end := strings.IndexByte(text, '/'); end >= 0 && s.name != wildcard {
			text = text[:end]
		}
		rest = rest[1+len(text):]
		switch {
		case s.name == "":
			if !decodesTo(text, s.literal) {
				return params, false
			}
		case text == "":
			return params, false
		default:
			params = append(params, Param{Name: s.name, Value: decoded(text)})
		}
	}
	return params, p.slash && rest == "/" || !p.slash && rest == ""
}

// decodesTo reports whether a raw segment means the literal.
func decodesTo(raw, literal string) bool {
	if raw == literal {
		return strings.IndexByte(raw, '%') < 0
	}
	if len(raw) > len("%00")*len(literal) {
		return false
	}
	var buf [len("%00") * MaxLiteral]byte
	return string(target.AppendDecoded(buf[:0], raw)) == literal
}

// decoded is the value of a parameter. Package target has seen to its encoding.
func decoded(raw string) string {
	if value, err := url.PathUnescape(raw); err == nil {
		return value
	}
	return raw
}

var literals = strings.NewReplacer("%3A", ":", "%2A", "*")

// Literal is a segment of a pattern, which is no parameter, as it is sent: leads:batch for "leads%3Abatch". To a backend that reads paths
// as they come, these are two.
func Literal(segment string) string { return literals.Replace(segment) }
