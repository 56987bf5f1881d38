package payload

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest are at most three of the names that a word may be a slip of, the nearest first.
func Nearest(word string, names []string) []string {
	type near struct {
		name  string
		steps int
	}
	var found []near
	wanted := []rune(strings.ToLower(word))
	for _, name := range names {
		steps := distance(wanted, []rune(strings.ToLower(name)))
		if steps <= max(1, (len(wanted)+1)/3) {
			found = append(found, near{name, steps})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.steps, b.steps) })
	nearest := []string{}
	for _, n := range found[:min(len(found), 3)] {
		nearest = append(nearest, n.name)
	}
	return nearest
}

// distance is how many characters must be put in, left out or changed (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
