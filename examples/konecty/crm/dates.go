package crm

import (
	"math"
	"strings"
	"time"
)

// storedTime is the form in which the server gives dates and times.
const storedTime = "2006-01-02T15:04:05.000Z"

// farthest is the last moment of the language's calendar, in milliseconds from 1970.
const farthest = 8.64e15

// moment reads a value as the server's language makes a date of it: a text in many forms, milliseconds, true. The server
// runs in UTC here.
func moment(value any) (stored string, ok bool) {
	switch value := value.(type) {
	case bool:
		if value {
			return fromMilliseconds(1)
		}
		return fromMilliseconds(0)
	case float64:
		return fromMilliseconds(math.Trunc(value))
	case string, []any:
		ms, ok := parseDate(shown(value))
		if !ok {
			return "", false
		}
		return fromMilliseconds(ms)
	}
	return "", false
}

func fromMilliseconds(ms float64) (string, bool) {
	if math.IsNaN(ms) || math.Abs(ms) > farthest {
		return "", false
	}
	return time.UnixMilli(int64(ms)).UTC().Format(storedTime), true
}

// dateReader reads a date as V8 does: the language's own form first, then whatever may have been meant. Numbers that
// belong to no time make up the day, words before the first number mean nothing.
type dateReader struct {
	tokens  []dateToken
	at      int
	day     []int
	month   int // named; 0: none
	clock   []int
	pm      int // hours that AM or PM add; -1: neither
	zone    int // minutes east of UTC
	hasZone bool
	// signed is set while the parts of an offset are read.
	sign, zoneHour int
	iso            bool
	// broken tells that the language's own form was read as far as the time, and does not end as it must.
	broken bool
}

type dateToken struct {
	kind   byte // n: number, w: word, s: space, 0: end; else the sign itself
	number int
	digits int
	word   string
}

func tokens(text string) (list []dateToken) {
	for i := 0; i < len(text); {
		begin := i
		switch c := text[i]; {
		case isDigit(c):
			n := 0
			for ; i < len(text) && isDigit(text[i]); i++ {
				if n < 1e8 {
					n = n*10 + int(text[i]-'0')
				}
			}
			list = append(list, dateToken{kind: 'n', number: n, digits: i - begin})
		case isLetter(c):
			for ; i < len(text) && isLetter(text[i]); i++ {
			}
			list = append(list, dateToken{kind: 'w', word: strings.ToLower(text[begin:i])})
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			i++
			list = append(list, dateToken{kind: 's'})
		case c == '(':
			for depth := 0; i < len(text); i++ {
				if text[i] == '(' {
					depth++
				} else if text[i] == ')' {
					if depth--; depth == 0 {
						i++
						break
					}
				}
			}
		default:
			i++
			list = append(list, dateToken{kind: c})
		}
	}
	return list
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// parseDate gives the milliseconds from 1970 that a text means.
func parseDate(text string) (ms float64, ok bool) {
	r := &dateReader{tokens: tokens(text), pm: -1}
	if !r.language() && (r.broken || !r.anything()) {
		return 0, false
	}
	return r.milliseconds()
}

func (r *dateReader) peek() dateToken {
	if r.at < len(r.tokens) {
		return r.tokens[r.at]
	}
	return dateToken{}
}

func (r *dateReader) skip(kind byte) bool {
	if r.peek().kind != kind {
		return false
	}
	r.at++
	return true
}

// fixed takes a number of so many digits within bounds.
func (r *dateReader) fixed(digits, low, high int) (int, bool) {
	t := r.peek()
	if t.kind != 'n' || t.digits != digits || t.number < low || t.number > high {
		return 0, false
	}
	r.at++
	return t.number, true
}

// language reads the language's own form, such as 2026-03-16 or 2026-03-16T14:00:00.000Z. It reports false where the text
// goes on otherwise; what it has read of the day stays read.
func (r *dateReader) language() bool {
	year, ok := r.fixed(4, 0, 9999)
	if !ok {
		return false
	}
	r.day = append(r.day, year)
	for _, high := range []int{12, 31} {
		if !r.skip('-') {
			break
		}
		part, ok := r.fixed(2, 1, high)
		if !ok {
			return false
		}
		r.day = append(r.day, part)
	}
	if r.peek().kind == 0 {
		r.iso, r.hasZone = true, true
		return true
	}
	if t := r.peek(); t.kind != 'w' || t.word != "t" {
		return false
	}
	begin := r.at + 1
	r.at++
	if r.languageClock() {
		r.iso = true
		return true
	}
	r.at, r.clock, r.hasZone = begin, nil, false
	return false
}

func (r *dateReader) languageClock() bool {
	hour, ok := r.fixed(2, 0, 24)
	if !ok || !r.skip(':') {
		return false
	}
	last := 59
	if hour == 24 {
		last = 0
	}
	minute, ok := r.fixed(2, 0, last)
	if !ok {
		return false
	}
	r.clock = []int{hour, minute}
	if r.skip(':') {
		second, ok := r.fixed(2, 0, last)
		if !ok {
			return false
		}
		r.clock = append(r.clock, second)
		if r.skip('.') {
			t := r.peek()
			if t.kind != 'n' || hour == 24 && t.number > 0 {
				return false
			}
			r.at++
			r.clock = append(r.clock, milliseconds(t))
		}
	}
	r.broken = !r.languageZone() || r.peek().kind != 0
	return !r.broken
}

// languageZone reads Z, +03:00 or +0300, or nothing.
func (r *dateReader) languageZone() bool {
	sign := r.peek().kind
	if t := r.peek(); t.kind == 'w' && t.word == "z" {
		r.at++
		r.hasZone = true
	}
	if sign != '+' && sign != '-' {
		return true
	}
	r.at++
	if both, ok := r.fixed(4, 0, 2459); ok {
		r.setZone(sign, both/100, both%100)
		return both%100 < 60
	}
	hours, ok := r.fixed(2, 0, 24)
	if !ok || !r.skip(':') {
		return false
	}
	minutes, ok := r.fixed(2, 0, 59)
	r.setZone(sign, hours, minutes)
	return ok
}

func (r *dateReader) setZone(sign byte, hours, minutes int) {
	r.zone, r.hasZone = hours*60+minutes, true
	if sign == '-' {
		r.zone = -r.zone
	}
}

// milliseconds reads digits after a point as a fraction of a second.
func milliseconds(t dateToken) int {
	n := t.number
	for digits := min(t.digits, 9); digits > 3; digits-- {
		n /= 10
	}
	for digits := t.digits; digits < 3; digits++ {
		n *= 10
	}
	return n
}
