package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// words joins values for people.
func words[T any](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, ", ")
}

// list is a list in brackets.
func list(values []string) string { return "[" + strings.Join(values, ", ") + "]" }

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// or is the text, or another where it is empty.
func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// inJSON is a value as JSON, for people.
func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}
