package record

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxIDLength is the longest id or plan name, in bytes.
const MaxIDLength = 64

// CheckID says why s is no id. Ids (of workspaces and keys) and plan names match [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
func CheckID(s string) error {
	if s == "" {
		return fmt.Errorf("an id is empty: write 1 to %d of A-Z a-z 0-9 . _ -", MaxIDLength)
	}
	if len(s) > MaxIDLength {
		return fmt.Errorf("id %q has %d characters: at most %d are allowed", s[:MaxIDLength]+"…", len(s), MaxIDLength)
	}
	for i := range len(s) {
		c := s[i]
		if isAlphanumeric(c) || i > 0 && (c == '.' || c == '_' || c == '-') {
			continue
		}
		return fmt.Errorf("id %q is not valid: write 1 to %d of A-Z a-z 0-9 . _ -, the first a letter or digit", s, MaxIDLength)
	}
	return nil
}

// CheckName says why s is no name for people. Names are 1 to 64 printable characters; they never go into headers.
func CheckName(s string) error { return checkText("name", s, 64) }

// CheckReason says why s is no reason for a suspension: 1 to 200 printable characters, in an operator's words.
func CheckReason(s string) error { return checkText("reason", s, 200) }

func checkText(what, s string, most int) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %q is not valid UTF-8", what, s)
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > most {
		return fmt.Errorf("%s %q has %d characters: write 1 to %d", what, s, n, most)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%s %q holds the unprintable character %U", what, s, r)
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
