package openapi

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// formats are those that a text is held to. Others say something to people. Those of numbers are ranges.
var formats = map[string]func(string) bool{
	"date":      func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil },
	"date-time": isDateTime,
	"uuid":      regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`).MatchString,
	"ipv4":      func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() },
	"ipv6":      func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" },
	"email":     isEmail,
}

// isDateTime holds a text to RFC 3339, with a leap second and letters of either case.
func isDateTime(s string) bool {
	s = strings.ToUpper(s)
	if len(s) > 64 || len(s) < len("2026-11-27T00:00:00Z") || s[10] != 'T' {
		return false
	}
	if s[17:19] == "60" { // time knows no leap seconds
		s = s[:17] + "59" + s[19:]
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil && !strings.Contains(s, ",")
}

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && len(s) <= 320 && utf8.ValidString(s) && !strings.ContainsAny(s, " \t\r\n<>()[],;:\"") && strings.Count(s, "@") == 1 &&
		!strings.HasPrefix(s[at+1:], ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

// fits reports whether a number is of the format's range.
func fits(format, number string) bool {
	switch format {
	case "int32":
		_, err := strconv.ParseInt(plainInteger(number), 10, 32)
		return err == nil
	case "int64":
		_, err := strconv.ParseInt(plainInteger(number), 10, 64)
		return err == nil
	}
	return true
}

// plainInteger writes a number without a fraction as strconv reads it: 1.0 and 1e2 are integers.
func plainInteger(number string) string {
	if !strings.ContainsAny(number, ".eE") {
		return number
	}
	d, ok := parseDecimal(number)
	if !ok || !d.isInteger() || d.exponent > 20 {
		return number
	}
	text := d.digits + strings.Repeat("0", d.exponent-len(d.digits))
	switch {
	case text == "":
		return "0"
	case d.negative:
		return "-" + text
	}
	return text
}
