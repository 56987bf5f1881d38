// Package output writes answers of commands: tables and words for people, in lines that fit a terminal, and JSON for programs.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Fields writes names and values, one pair a line. Values go on below themselves where a line would be too long.
func Fields(w io.Writer, pairs ...string) error {
	rows := make([][]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		rows = append(rows, pairs[i:i+2])
	}
	return Table(w, Width, []Column{Whole(""), Wrapped("")}, rows)
}

// JSON writes a value for programs, on one line.
func JSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// InJSON is a value as JSON on one line, for people.
func InJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}

// Printable keeps what strangers wrote (a file's name, a policy's message about a request) from moving the terminal's cursor.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// When is an instant for people, or what stands for none.
func When(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

// Words joins values for people; none: "-".
func Words[T any](list []T) string {
	if len(list) == 0 {
		return "-"
	}
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = fmt.Sprint(one)
	}
	return strings.Join(texts, " ")
}

// Dash is the text, or "-" where it is empty.
func Dash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}
