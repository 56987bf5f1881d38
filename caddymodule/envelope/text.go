package envelope

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inside"
)

const (
	maxMessage = 1 << 10 // bytes of a message
	maxJudged  = 8 << 10 // bytes of a text that are looked at
	maxField   = 128     // bytes of a field's name
	maxLogText = 2 << 10 // bytes of a backend's text in the log
)

// show is the text as the caller may see it: valid UTF-8 in one line of bounded length. It reports false for what must
// not be shown: markup, and the backend's inside.
func show(s string) (string, bool) {
	if s = strings.TrimSpace(s); s == "" {
		return "", true
	}
	s = beginning(s)
	if s[0] == '<' || inside.Tells(s) {
		return "", false
	}
	return bound(s), true
}

// beginning is as much of a text as is judged and shown. It does not end within a word: half an address is not known for one.
func beginning(s string) string {
	if len(s) <= maxJudged {
		return s
	}
	if space := strings.LastIndexFunc(s[:maxJudged], func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }); space > 0 {
		return s[:space]
	}
	return s[:maxJudged]
}

// bound is the text in one line of at most maxMessage bytes.
func bound(s string) string { return oneLine(s, maxMessage) }

// logText is a body as it may stand in the log.
func logText(body []byte) string {
	return oneLine(string(body[:min(len(body), 2*maxLogText)]), maxLogText)
}

// oneLine makes a text printable: valid UTF-8, a space for every run of white space and control characters, no marks that
// turn the direction of text round, at most limit bytes.
func oneLine(s string, limit int) string {
	if isOneLine(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	b.Grow(min(len(s), limit))
	gap := false
	for _, r := range s { // a byte that is not UTF-8 comes as U+FFFD
		if r == ' ' || unicode.IsControl(r) || unicode.IsSpace(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			gap = true
			continue
		}
		if b.Len()+utf8.RuneLen(r)+1+len("…") > limit {
			b.WriteString("…")
			break
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// isOneLine reports whether s is printable ASCII without double spaces, as nearly every message is.
func isOneLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}
