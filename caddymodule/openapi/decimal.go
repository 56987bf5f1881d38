package openapi

import (
	"math/big"
	"strconv"
	"strings"
)

// decimal is a number as it was written, beyond what a float holds: 0.digits times ten to the exponent. Zero has no digits.
type decimal struct {
	negative bool
	digits   string // neither begins nor ends with 0
	exponent int
}

// parseDecimal reads a number of JSON whose exponent is bounded, as package jsonbody sees to.
func parseDecimal(text string) (d decimal, ok bool) {
	rest, negative := strings.CutPrefix(text, "-")
	d.negative = negative
	mantissa := rest
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		exponent, err := strconv.Atoi(rest[at+1:])
		if err != nil || exponent > 10_000 || exponent < -10_000 {
			return d, false
		}
		mantissa, d.exponent = rest[:at], exponent
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return d, false
	}
	d.exponent += len(whole)
	d.digits = whole + fraction
	trimmed := strings.TrimLeft(d.digits, "0")
	d.exponent -= len(d.digits) - len(trimmed)
	if d.digits = strings.TrimRight(trimmed, "0"); d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// isInteger reports whether it has no fraction.
func (d *decimal) isInteger() bool { return d.exponent >= len(d.digits) }

// compare is -1, 0 or 1.
func (d *decimal) compare(other *decimal) int {
	switch a, b := d.sign(), other.sign(); {
	case a != b && a < b:
		return -1
	case a != b:
		return 1
	case a == 0:
		return 0
	case a < 0:
		return -d.magnitude(other)
	}
	return d.magnitude(other)
}

func (d *decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func (d *decimal) magnitude(other *decimal) int {
	switch {
	case d.exponent < other.exponent:
		return -1
	case d.exponent > other.exponent:
		return 1
	}
	return strings.Compare(d.digits, other.digits)
}

// isMultiple reports whether it is a whole number of times the other, which is not zero.
func (d *decimal) isMultiple(of *decimal) bool {
	if d.digits == "" {
		return true
	}
	if of.digits == "" {
		return false
	}
	// As integers: digits times ten to the power of (exponent - len(digits)).
	a, b := d.exponent-len(d.digits), of.exponent-len(of.digits)
	least := min(a, b)
	dividend, divisor := scaled(d.digits, a-least), scaled(of.digits, b-least)
	return new(big.Int).Rem(dividend, divisor).Sign() == 0
}

func scaled(digits string, zeros int) *big.Int {
	n, _ := new(big.Int).SetString(digits, 10)
	return n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(zeros)), nil))
}

// key is the same for equal numbers, and short.
func (d *decimal) key() string {
	if d.digits == "" {
		return "0"
	}
	sign := ""
	if d.negative {
		sign = "-"
	}
	return sign + d.digits + "e" + strconv.Itoa(d.exponent)
}

// String is the number as people write it.
func (d *decimal) String() string {
	switch {
	case d.digits == "":
		return "0"
	case d.exponent > 21 || d.exponent < -6:
		return "0." + strings.TrimPrefix(d.key(), "-")
	}
	text := d.digits
	switch {
	case d.exponent <= 0:
		text = "0." + strings.Repeat("0", -d.exponent) + text
	case d.exponent >= len(text):
		text += strings.Repeat("0", d.exponent-len(text))
	default:
		text = text[:d.exponent] + "." + text[d.exponent:]
	}
	if d.negative {
		text = "-" + text
	}
	return text
}
