package route

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
)

// maxSpelling is the longest raw segment that could be a literal in another letter case: three raw bytes for each encoded
// one, and at most eight of those for one byte of the literal, as in a mathematical i with two dots. Longer ones are not
// looked at, so that no path is costly to fold.
const maxSpelling = 3 * 8 * MaxLiteral

// fold gives the form that all spellings of a decoded segment share: two segments that some backend takes for the same,
// whether it compares in upper or lower case and in whatever language, fold to the same.
//
// Compatibility forms are decomposed, letters go through upper and lower case, for some have no way back, as the sharp s
// and the Turkish dotless i. Combining marks are dropped: Greek capitals have no accents, the Turkish I has a dot.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	s = strings.ToLower(strings.ToUpper(norm.NFKD.String(s)))
	return strings.ReplaceAll(strings.Map(unmarked, s), "ß", "ss")
}

func unmarked(r rune) rune {
	if unicode.Is(unicode.Mn, r) {
		return -1
	}
	return r
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// child finds the subtree of the literal that a raw segment spells, exactly or not; nil where there is none.
func (n *node) child(segment string) *node {
	if len(n.literals) == 0 || len(segment) > maxSpelling {
		return nil
	}
	if isFolded(segment) {
		return n.literals[segment]
	}
	var buf [256]byte
	decoded := target.AppendDecoded(buf[:0], segment)
	if child := n.literals[string(decoded)]; child != nil {
		return child
	}
	for i, c := range decoded {
		if c >= utf8.RuneSelf {
			return n.literals[fold(string(decoded))]
		}
		if c >= 'A' && c <= 'Z' {
			decoded[i] = c + ('a' - 'A')
		}
	}
	return n.literals[string(decoded)]
}

// isFolded reports whether a raw segment is its own folded form, as most are.
func isFolded(segment string) bool {
	for i := range len(segment) {
		if c := segment[i]; c == '%' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
