package refusal

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// appendEnvelope appends the whole envelope. Nil details are null.
func AppendEnvelope(b []byte, code Code, message string, details map[string]any) []byte {
	b = appendEnvelopeHead(b, code, message)
	if len(details) == 0 {
		b = append(b, "null"...)
	} else {
		b = appendValue(b, details)
	}
	return append(b, "}}"...)
}

// appendEnvelopeHead appends the envelope up to the value of details.
func appendEnvelopeHead(b []byte, code Code, message string) []byte {
	b = append(b, `{"success":false,"error":{"code":"`...)
	b = append(b, code...)
	b = append(b, `","message":`...)
	b = appendString(b, message)
	return append(b, `,"details":`...)
}

// appendValue appends a JSON value as OPA, encoding/json and our own code build them, with the names in order. What is no
// JSON value becomes null.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case json.Number:
		return appendNumber(b, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...)
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case []string:
		return appendList(b, v, appendString)
	case []any:
		return appendList(b, v, appendValue)
	case map[string]any:
		return appendMembers(b, v)
	}
	return append(b, "null"...)
}

// appendMembers writes an object with its names in order. As many as most have cost no allocation.
func appendMembers(b []byte, v map[string]any) []byte {
	var few [8]string
	b = append(b, '{')
	names := slices.AppendSeq(few[:0], maps.Keys(v))
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendValue(b, v[name])
	}
	return append(b, '}')
}

func appendList[T any](b []byte, list []T, appendOne func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, v)
	}
	return append(b, ']')
}

// appendNumber appends the literal as it came, unless it is none: json.Number is only a string to whoever builds one.
func appendNumber(b []byte, n json.Number) []byte {
	if c := n.String(); c == "" || c[0] != '-' && (c[0] < '0' || c[0] > '9') || !json.Valid([]byte(c)) {
		return append(b, "null"...)
	}
	return append(b, n...)
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string in valid UTF-8. Like encoding/json it also escapes <, >, & and the line separators, so
// that the text stays text wherever it is pasted.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0x7f {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
