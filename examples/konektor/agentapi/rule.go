package agentapi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// check says what is wrong with a text; empty means nothing is.
type check func(string) string

// rule turns a JSON value that is not null into a Go value, or says what is wrong with it.
type rule func(json.RawMessage) (value any, problem string)

// text takes strings that pass all checks, without the white space around them.
func text(checks ...check) rule {
	return func(raw json.RawMessage) (any, string) {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil, "Must be text"
		}
		s = strings.TrimSpace(s)
		return s, firstProblem(s, checks)
	}
}

func firstProblem(s string, checks []check) string {
	for _, check := range checks {
		if problem := check(s); problem != "" {
			return problem
		}
	}
	return ""
}

// number takes numbers in a range, both ends included. The range keeps sums over all leads finite.
func number(low, high float64) rule {
	return func(raw json.RawMessage) (any, string) {
		var n float64
		if json.Unmarshal(raw, &n) != nil || n < low || n > high {
			return nil, fmt.Sprintf("Must be a number from %.0f to %.0f", low, high)
		}
		return n, ""
	}
}

// integer takes whole numbers in a range; 7.0 is one, as in JSON Schema.
func integer(low, high int) rule {
	return func(raw json.RawMessage) (any, string) {
		var n float64
		if json.Unmarshal(raw, &n) != nil || n < float64(low) || n > float64(high) || n != float64(int(n)) {
			return nil, integerProblem(low, high)
		}
		return int(n), ""
	}
}

func integerProblem(low, high int) string {
	return "Must be an integer from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)
}

// length counts characters, not bytes.
func length(low, high int) check {
	return func(s string) string {
		n := utf8.RuneCountInString(s)
		switch {
		case n == 0 && low > 0:
			return "Required"
		case n < low:
			return "At least " + strconv.Itoa(low) + " characters"
		case n > high:
			return "At most " + strconv.Itoa(high) + " characters"
		}
		return ""
	}
}

// notBlank refuses white space, for texts that mean nothing without a word.
func notBlank(s string) string { return length(1, len(s))(strings.TrimSpace(s)) }

func oneOf(values []string) check {
	return func(s string) string {
		if slices.Contains(values, s) {
			return ""
		}
		return "Must be one of " + strings.Join(values, ", ")
	}
}

// matching takes texts of one form; what names it to the caller.
func matching(form *regexp.Regexp, what string) check {
	return func(s string) string {
		if form.MatchString(s) {
			return ""
		}
		return "Must be " + what
	}
}

var (
	uuidForm  = matching(regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`), "a UUID")
	emailForm = matching(regexp.MustCompile(`^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;"]+$`), "an e-mail address")
	phoneForm = matching(regexp.MustCompile(`^\+?([ ().-]*[0-9]){3,15}[ ().-]*$`), "a phone number: 3 to 15 digits, spaces and + ( ) . -")
)

// oneLine refuses what has no place in a name or code.
func oneLine(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "Must not contain control characters"
	}
	return ""
}

// manyLines is oneLine, line breaks and tabs allowed.
func manyLines(s string) string {
	return oneLine(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(s))
}
