package agentapi

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
)

// searchBound is how many leads a search by name decrypts at most: the first of the list that the other parameters give.
const searchBound = 10_000

// kinds of a search text.
const (
	searchNothing = iota
	// searchEmail and searchPhone are whole addresses and numbers: they are found by their blind indexes, among any
	// number of leads.
	searchEmail
	searchPhone
	// searchName is anything else: words of a name or unique code. Names are encrypted, so that they are compared here.
	searchName
)

// searchForm keeps to what occurs in names, addresses, numbers and codes. The database sees the text as a bound value
// or not at all; the form is there so that a caller with a query language in mind learns that there is none.
var searchForm = matching(
	regexp.MustCompile(`^(?:[\p{L}\p{M}\p{N} .,@+_()&/]|-[\p{L}\p{M}\p{N} ]|[\p{L}\p{M}]['’][\p{L}\p{M}])+$`),
	"letters, digits, spaces and . , @ + _ ( ) & / with single hyphens, and apostrophes within words")

func searchKind(search string) int {
	switch {
	case search == "":
		return searchNothing
	case emailForm(search) == "":
		return searchEmail
	case phoneForm(search) == "" && len(phoneKey(search)) >= 5:
		return searchPhone
	default:
		return searchName
	}
}

// searchPage decrypts the names of the leads in the order of the list and keeps those that hold every word.
func (s *store) searchPage(ctx context.Context, tx *sql.Tx, workspace string, asked listing, after *position, page *leadPage) ([]position, error) {
	filter := asked.filter(workspace, s.vault)
	column, orderBy, _ := asked.order()
	words := strings.Fields(strings.ToLower(asked.Search))
	seen, skip := 0, (asked.page-1)*asked.Limit
	var found []position
	err := each(ctx, tx, "SELECT "+column+", id, person, coalesce(unique_code, '') FROM leads WHERE "+filter.condition+
		" ORDER BY "+orderBy+" LIMIT ?", append(filter.arguments, searchBound+1), func(rows *sql.Rows) error {
		if seen++; seen > searchBound {
			page.limited = true
			return nil
		}
		var at position
		var sealed []byte
		var code string
		if err := rows.Scan(&at.value, &at.id, &sealed, &code); err != nil {
			return err
		}
		person, err := s.openPerson(workspace, at.id, sealed)
		if err != nil || !containsAll(strings.ToLower(person.FirstName+" "+valueOf(person.LastName)+" "+code), words) {
			return err
		}
		page.total++
		if after == nil && page.total <= skip || after != nil && !asked.isAfter(at, *after) || len(found) > asked.Limit {
			return nil
		}
		found = append(found, at)
		return nil
	})
	return found, err
}

// isAfter is the comparison of listing.order in Go.
func (asked *listing) isAfter(at, other position) bool {
	if asked.SortOrder == "asc" {
		return at.value > other.value || at.value == other.value && at.id > other.id
	}
	return at.value < other.value || at.value == other.value && at.id < other.id
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
