package cases

import (
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
