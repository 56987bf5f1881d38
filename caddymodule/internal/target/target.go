package target

import (
	"strings"
	"unicode/utf8"
)

// Target is a request target that nobody needs to repair.
type Target struct {
	// Path is the raw path, in the very bytes that came and that go upstream. It is empty for the asterisk-form and for
	// an empty path, which are unknown routes.
	Path string
	// RawQuery is what follows the first '?', as it came.
	RawQuery string
}

// Parse judges a target as it came (http.Request.RequestURI) together with the path that Go would send upstream for it
// (URL.EscapedPath). The error is a *Malformed.
func Parse(requestURI, escapedPath string) (Target, error) {
	if requestURI == "*" && escapedPath == "*" {
		return Target{}, nil
	}
	path, query, _ := strings.Cut(requestURI, "?")
	if path != "" {
		if path[0] != '/' {
			return Target{}, errForm
		}
		if m := checkPath(path); m != nil {
			return Target{}, m
		}
	}
	if path != escapedPath {
		return Target{}, errRespelled
	}
	if endsEarly(query) {
		return Target{}, errQueryEnd
	}
	return Target{Path: path, RawQuery: query}, nil
}

// CheckQuery refuses a query that parsers split or decode differently: a raw ';' (a separator for some) and incomplete
// percent-encodings (url.ParseQuery drops such pairs, others keep them). Policies must not see less than the backend.
// The error is a *Malformed.
func CheckQuery(raw string) error {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ';':
			return errQuerySemicolon
		case '%':
			if _, ok := decode(raw[i:]); !ok {
				return errQueryEncoding
			}
			i += 2
		}
	}
	return nil
}

// AppendDecoded appends what a part of an accepted path means, its percent-encodings decoded, to dst. Of what Parse would
// have refused, incomplete encodings stand for themselves.
func AppendDecoded(dst []byte, part string) []byte {
	for i := 0; i < len(part); i++ {
		c, ok := decode(part[i:])
		if ok {
			i += 2
		} else {
			c = part[i]
		}
		dst = append(dst, c)
	}
	return dst
}

// checkPath gives the first reason to refuse a path that begins with a slash, or nil.
func checkPath(path string) *Malformed {
	for i := 0; i < len(path); {
		switch c := path[i]; {
		case c == '/':
			if m := checkSegment(path[i+1:]); m != nil {
				return m
			}
			i++
		case c == '%':
			size, m := checkEncoded(path[i:])
			if m != nil {
				return m
			}
			i += size
		default:
			if m := checkRaw(c); m != nil {
				return m
			}
			i++
		}
	}
	return nil
}

// checkSegment refuses the empty and the dot segments at the head of rest, which follows a slash. One slash at the end
// of a path makes no empty segment.
func checkSegment(rest string) *Malformed {
	if rest == "" || rest[0] != '/' && rest[0] != '.' {
		return nil
	}
	segment, _, _ := strings.Cut(rest, "/")
	if segment == "" {
		return errEmptySegment
	}
	switch beforeParameter(segment) {
	case ".", "..":
		return errDotSegment
	}
	return nil
}

// beforeParameter is the part of a segment in front of an encoded ';'. Servlet containers and some proxies decode a path,
// drop what follows a ';' in each segment and only then resolve dots: to them "..%3B" is the parent. A raw ';' is refused
// anywhere.
func beforeParameter(segment string) string {
	for i := range len(segment) {
		if c, ok := decode(segment[i:]); ok && c == ';' {
			return segment[:i]
		}
	}
	return segment
}

// checkRaw judges a byte that stands for itself. It must be one that Go leaves alone: pchar of RFC 3986 without ';',
// and '[' and ']' as browsers send them.
func checkRaw(c byte) *Malformed {
	switch {
	case isUnreserved(c), strings.IndexByte("!$&'()*+,=:@[]", c) >= 0:
		return nil
	case c == ';':
		return errSemicolon
	case c == '\\':
		return errBackslash
	case isControl(c):
		return errControl
	case c >= utf8.RuneSelf:
		return errNonASCII
	}
	return errRespelled
}

// checkEncoded judges the percent-encoded character at the head of s, all of its UTF-8 bytes, and gives its size in s.
func checkEncoded(s string) (size int, m *Malformed) {
	c, ok := decode(s)
	switch {
	case !ok:
		return 0, errPathEncoding
	case c >= utf8.RuneSelf:
		return checkRune(s)
	case isUnreserved(c):
		return 0, errOverEncoded
	case c == '/':
		return 0, errEncodedSlash
	case c == '\\':
		return 0, errEncodedBackslash
	case isControl(c):
		return 0, errEncodedControl
	}
	return len("%00"), nil
}

// checkRune judges the encoded character beyond ASCII at the head of s: RFC 3629 without overlong forms and surrogates.
func checkRune(s string) (size int, m *Malformed) {
	var encoded [utf8.UTFMax]byte
	n := 0
	for rest := s; n < len(encoded); n++ {
		c, ok := decode(rest)
		if !ok {
			break
		}
		encoded[n], rest = c, rest[len("%00"):]
	}
	if r, width := utf8.DecodeRune(encoded[:n]); r != utf8.RuneError || width > 1 {
		return width * len("%00"), nil
	}
	return 0, errUTF8
}

// decode gives the byte that is percent-encoded at the head of s.
func decode(s string) (c byte, ok bool) {
	if len(s) < len("%00") || s[0] != '%' {
		return 0, false
	}
	high, ok1 := unhex(s[1])
	low, ok2 := unhex(s[2])
	return high<<4 | low, ok1 && ok2
}

func unhex(c byte) (nibble byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// endsEarly reports whether a query holds a byte at which its next reader might end it: a request line ends at white
// space, a URL at its fragment. HTTP/2 carries such bytes, and HTTP/1 upstream would split at them.
func endsEarly(query string) bool {
	for i := range len(query) {
		if c := query[i]; c == ' ' || c == '#' || isControl(c) {
			return true
		}
	}
	return false
}
