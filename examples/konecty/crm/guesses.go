package crm

import (
	"slices"
	"time"
)

var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	// zoneNames are hours west of UTC.
	zoneNames = map[string]int{"utc": 0, "ut": 0, "gmt": 0, "z": 0, "est": 5, "edt": 4, "cst": 6, "cdt": 5, "mst": 7, "mdt": 6, "pst": 8, "pdt": 7}
)

// anything reads the rest of a text, whatever it is, after what was read in the language's own form.
func (r *dateReader) anything() bool {
	numbers := len(r.day) > 0
	for r.at < len(r.tokens) {
		t := r.tokens[r.at]
		r.at++
		switch {
		case t.kind == 'n':
			numbers = true
			if !r.number(t) {
				return false
			}
		case t.kind == 'w':
			if !r.word(t.word, numbers) {
				return false
			}
		case (t.kind == '+' || t.kind == '-') && (r.hasZone && r.zone == 0 || len(r.clock) > 0):
			numbers = true
			if !r.offset(t.kind) {
				return false
			}
		case (t.kind == '+' || t.kind == '-' || t.kind == ')') && numbers:
			return false
		}
	}
	return true
}

// number gives a number its place: in the time if one is being read, else in the day.
func (r *dateReader) number(t dateToken) bool {
	n := t.number
	switch {
	case r.skip(':'):
		if r.skip(':') {
			if len(r.clock) > 0 {
				return false
			}
			r.clock = []int{n, 0}
			return true
		}
		if len(r.clock) >= 4 {
			return false
		}
		r.clock = append(r.clock, n)
		r.skip('.')
		return true
	case r.peek().kind == '.' && r.clockExpects(n):
		r.at++
		r.clock = append(r.clock, n)
		fraction := r.peek()
		if fraction.kind != 'n' {
			return false
		}
		r.at++
		r.finishClock(milliseconds(fraction))
		return true
	case r.skip('.'):
		return r.addDay(n)
	case r.sign != 0:
		r.setZone(byte(r.sign), r.zoneHour, n)
		r.sign = 0
		return true
	case r.clockExpects(n):
		r.finishClock(n)
		next := r.peek()
		return next.kind == 0 || next.kind == 's' || next.kind == '+' || next.kind == '-' || next.kind == 'w' && next.word == "z"
	}
	return r.addDay(n)
}

// clockExpects tells that a number can be the next part of a time that has begun.
func (r *dateReader) clockExpects(n int) bool {
	switch len(r.clock) {
	case 1, 2:
		return n < 60
	case 3:
		return n < 1000
	}
	return false
}

// finishClock adds the last part of a time.
func (r *dateReader) finishClock(n int) {
	r.clock = append(r.clock, n)
	for len(r.clock) < 4 {
		r.clock = append(r.clock, 0)
	}
}

func (r *dateReader) addDay(n int) bool {
	if len(r.day) >= 3 {
		return false
	}
	r.day = append(r.day, n)
	r.skip('-')
	return true
}

func (r *dateReader) word(word string, numbers bool) bool {
	prefix := word[:min(3, len(word))]
	month := slices.Index(monthNames, prefix)
	west, zone := zoneNames[prefix]
	switch {
	case (prefix == "am" || prefix == "pm") && len(r.clock) > 0:
		r.pm = 0
		if prefix == "pm" {
			r.pm = 12
		}
	case month >= 0:
		r.month = month + 1
		r.skip('-')
	case zone && len(word) <= 3 && numbers:
		r.setZone('-', west, 0)
	default:
		// Words that mean nothing may stand before the first number, and apart from it.
		return !numbers && r.peek().kind != 'n'
	}
	return true
}

// offset reads what follows a sign after a time.
func (r *dateReader) offset(sign byte) bool {
	t := dateToken{kind: 'n'}
	if r.peek().kind == 'n' {
		t = r.peek()
		r.at++
	}
	switch {
	case r.skip(':'):
		r.sign, r.zoneHour = int(sign), t.number
		r.setZone(sign, t.number, 0)
	case t.digits == 1 || t.digits == 2:
		r.setZone(sign, t.number, 0)
	case t.digits == 3 || t.digits == 4:
		r.setZone(sign, t.number/100, t.number%100)
	default:
		return false
	}
	return true
}

// milliseconds puts the parts together.
func (r *dateReader) milliseconds() (float64, bool) {
	if len(r.day) < 1 {
		return 0, false
	}
	year, month, day := r.calendar()
	hour, minute, second, fraction := 0, 0, 0, 0
	for i, part := range r.clock {
		*[]*int{&hour, &minute, &second, &fraction}[i] = part
	}
	if r.pm >= 0 {
		if hour > 12 {
			return 0, false
		}
		hour = hour%12 + r.pm
	}
	midnight := hour == 24 && minute == 0 && second == 0 && fraction == 0
	if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 && !midnight || minute > 59 || second > 59 || fraction > 999 {
		return 0, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute-r.zone, second, fraction*1e6, time.UTC)
	return float64(at.UnixMilli()), true
}

// calendar tells which number is the year, the month and the day.
func (r *dateReader) calendar() (year, month, day int) {
	parts := append(slices.Clone(r.day), 1, 1)[:3]
	isDay := parts[0] >= 1 && parts[0] <= 31
	switch {
	case r.month > 0 && isDay:
		year, month, day = parts[1], r.month, parts[0]
	case r.month > 0:
		year, month, day = parts[0], r.month, parts[1]
	case r.iso || !isDay:
		year, month, day = parts[0], parts[1], parts[2]
	default:
		year, month, day = parts[2], parts[0], parts[1]
	}
	if !r.iso && year >= 0 && year < 50 {
		year += 2000
	} else if !r.iso && year < 100 {
		year += 1900
	}
	return year, month, day
}
