package gateway

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sentSecrets are the secrets that were injected into one request. They are kept as they were: the folder may say something
// else when the answer comes.
type sentSecrets []string

// scrub takes the secrets out of what the backend said, for the log: some repeat the credential they refuse. Where one stands
// in another spelling, nothing of the text is kept.
func (s sentSecrets) scrub(said string) string {
	for _, secret := range s {
		said = withoutBeginning(strings.ReplaceAll(said, secret, "***"), secret)
	}
	if s.in([]byte(said)) {
		return "*** (it repeats an injected secret)"
	}
	return said
}

// withoutBeginning takes the beginning of a secret off the end of a text that was cut.
func withoutBeginning(said, secret string) string {
	text, cut := strings.CutSuffix(said, "…")
	for n := min(len(secret), len(text)); n >= 4; n-- {
		if kept, found := strings.CutSuffix(text, secret[:n]); found {
			said = kept + "***"
			if cut {
				said += "…"
			}
			break
		}
	}
	return said
}

// in reports whether a text of the backend holds one of the secrets, as it is or as JSON or a URL would write it. Some repeat the credential they refuse: nobody is shown such a text.
func (s sentSecrets) in(text []byte) bool {
	if len(s) == 0 || len(text) == 0 {
		return false
	}
	plain := unescaped(text)
	return slices.ContainsFunc(s, func(secret string) bool {
		return bytes.Contains(text, []byte(secret)) || bytes.Contains(plain, []byte(secret))
	})
}

// unescaped undoes the escapes of JSON strings and of URLs, as far as there are any: it is for looking, not for reading.
func unescaped(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 && bytes.IndexByte(text, '%') < 0 {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u':
			if r, err := strconv.ParseUint(string(rest[2:6]), 16, 16); err == nil {
				plain = utf8.AppendRune(plain, rune(r))
				i += 5
				continue
			}
		case len(rest) >= 2 && rest[0] == '\\':
			plain = append(plain, rest[1])
			i++
			continue
		case len(rest) >= 3 && rest[0] == '%':
			if b, err := strconv.ParseUint(string(rest[1:3]), 16, 8); err == nil {
				plain = append(plain, byte(b))
				i += 2
				continue
			}
		}
		plain = append(plain, rest[0])
	}
	return plain
}
