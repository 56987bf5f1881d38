package envelope

import "encoding/binary"

// verdict is what a look at a success says.
type verdict uint8

const (
	undecided   verdict = iota
	notSoft             // the body streams on
	softFailure         // it says "success": false
)

// phase is where in the top level of a JSON object the scanner is.
type phase uint8

const (
	atStart  phase = iota // before the object
	atName                // before a name, or the end of the object
	inName                // inside a name
	atColon               // between name and value
	atValue               // before a value
	inFalse               // inside what may be the literal false
	inScalar              // inside a number or literal
	inString              // inside a string
	inNested              // inside an array or object
	atComma               // after a value
)

// successName is the member that decides.
const successName = "success"

// scanner looks for the first top-level member "success" of a JSON object, as it arrives in pieces. It keeps nothing of
// what it has seen, whatever its length and depth, and says notSoft as soon as the text cannot be a soft failure any more:
// it is no parser, and what is not JSON streams on as well.
type scanner struct {
	phase   phase
	result  verdict
	escape  bool   // the last byte of a string was a backslash that escapes the next
	matched int8   // how much of successName the name has matched; mismatch: it is another
	hex     uint8  // digits of \uXXXX still to come
	literal uint8  // bytes of "false" seen
	rune    rune   // what \uXXXX has said so far
	depth   uint64 // of arrays and objects inside the value
	inside  uint64 // all ones inside a string of a nested value, else 0
}

const mismatch = -1

// feed looks at the next piece. Once decided, the verdict stays.
func (s *scanner) feed(p []byte) verdict {
	for i := 0; i < len(p) && s.result == undecided; {
		switch s.phase {
		case inString:
			var closed bool
			if i, closed = s.skipString(p, i); closed {
				s.phase = atComma
			}
		case inNested:
			i = s.skipNested(p, i)
		case inScalar:
			for i < len(p) && p[i] != ',' && p[i] != '}' {
				i++
			}
			if i < len(p) {
				s.phase = atComma
			}
		case inName:
			s.nameByte(p[i])
			i++
		default:
			s.structure(p[i])
			if i++; s.phase == inName {
				i = s.name(p, i)
			}
		}
	}
	return s.result
}

// structure takes one byte outside of strings and nested values.
func (s *scanner) structure(c byte) {
	switch {
	case s.phase == inFalse:
		s.falseByte(c)
	case c == ' ' || c == '\n' || c == '\r' || c == '\t':
	case s.phase == atStart:
		s.start(c)
	case s.phase == atName && c == '"':
		s.phase, s.matched = inName, 0
	case s.phase == atColon && c == ':':
		s.phase = atValue
	case s.phase == atValue:
		s.value(c)
	case s.phase == atComma:
		s.afterValue(c)
	default:
		s.result = notSoft
	}
}

// start takes the first byte, behind a byte order mark if there is one.
func (s *scanner) start(c byte) {
	switch c {
	case '{':
		s.phase = atName
	case 0xEF, 0xBB, 0xBF:
	default:
		s.result = notSoft
	}
}

// value takes the first byte of a value.
func (s *scanner) value(c byte) {
	switch {
	case s.matched == int8(len(successName)):
		if s.phase, s.literal = inFalse, 1; c != 'f' {
			s.result = notSoft
		}
	case c == '"':
		s.phase, s.escape = inString, false
	case c == '{' || c == '[':
		s.phase, s.depth = inNested, 1
	default:
		s.phase = inScalar
	}
}

// afterValue takes the byte behind a value: the object goes on, or ends without having said anything.
func (s *scanner) afterValue(c byte) {
	if s.phase = atName; c != ',' {
		s.result = notSoft
	}
}

// falseByte takes a byte of the literal, or the one behind it, which makes it certain.
func (s *scanner) falseByte(c byte) {
	const literal = "false"
	switch {
	case int(s.literal) < len(literal):
		if c != literal[s.literal] {
			s.result = notSoft
		}
		s.literal++
	case c == ',' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t':
		s.result = softFailure
	default:
		s.result = notSoft
	}
}

// nameByte compares a name byte by byte, its escapes undone.
func (s *scanner) nameByte(c byte) {
	switch {
	case s.hex > 0:
		s.rune = s.rune<<4 | hexValue(c)
		if s.hex--; s.hex == 0 {
			s.nameRune(s.rune)
		}
	case s.escape:
		if s.escape = false; c == 'u' {
			s.hex, s.rune = 4, 0
			return
		}
		s.matched = mismatch // no other escape stands for a letter
	case c == '\\':
		s.escape = true
	case c == '"':
		if s.phase = atColon; s.matched != int8(len(successName)) {
			s.matched = mismatch
		}
	default:
		s.nameRune(rune(c))
	}
}

func (s *scanner) nameRune(r rune) {
	if s.matched >= 0 && int(s.matched) < len(successName) && r == rune(successName[s.matched]) {
		s.matched++
		return
	}
	s.matched = mismatch
}

// hexValue is the value of a hexadecimal digit. What is none spoils the rune, so that it matches no letter.
func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 1 << 16
}

// skipNested goes to the end of an array or object, a word at a time. Only brackets outside of strings matter. A body that
// says success last is read to its end here, so that this loop is what the look costs.
func (s *scanner) skipNested(p []byte, i int) int {
	depth, inside := s.depth, s.inside // in registers
	for ; i <= len(p)-8; i += 8 {
		all := binary.LittleEndian.Uint64(p[i : i+8])
		high, w := all&highest, all&^highest
		quote := ^(unlike(w, quotes) | high) & highest
		if slash := ^(unlike(w, slashes) | high) & highest; slash != 0 || s.escape {
			quote &^= s.escaped(slash)
		}
		// Behind an odd number of quotes is a string; one that began before turns that round.
		strings := oddUpTo(quote) ^ inside
		inside = uint64(int64(strings) >> 63)
		ignored, folded := high|strings, w|each*0x20 // '[' becomes '{', and ']' becomes '}'
		opened, closed := ^(unlike(folded, opening)|ignored)&highest, ^(unlike(folded, closing)|ignored)&highest
		down := count(closed)
		if down < depth {
			depth += count(opened) - down
			continue
		}
		var end int
		if end, depth = lastClosing(opened, closed, depth); depth == 0 {
			s.phase, s.inside, s.escape = atComma, 0, false
			return i + end
		}
	}
	s.depth, s.inside = depth, inside
	for ; i < len(p) && s.phase == inNested; i++ {
		s.nestedByte(p[i])
	}
	return i
}

// escaped is behindSlashes from word to word.
func (s *scanner) escaped(slash uint64) (behind uint64) {
	behind, s.escape = behindSlashes(slash, s.escape)
	return behind
}

// lastClosing counts the brackets of a word. Where they end the value, no depth is left, and end is the place behind it.
func lastClosing(opened, closed, depth uint64) (end int, left uint64) {
	for all := opened | closed; all != 0; all &= all - 1 {
		if first := all & -all; opened&first != 0 {
			depth++
		} else if depth--; depth == 0 {
			return place(first) + 1, 0
		}
	}
	return 0, depth
}

// nestedByte is skipNested for a byte of what is left of a piece.
func (s *scanner) nestedByte(c byte) {
	switch {
	case s.escape:
		s.escape = false
	case c == '\\':
		s.escape = true
	case c == '"':
		s.inside = ^s.inside
	case s.inside != 0:
	case c == '{' || c == '[':
		s.depth++
	case c == '}' || c == ']':
		if s.depth--; s.depth == 0 {
			s.phase = atComma
		}
	}
}

// skipString goes behind the end of a string, and reports whether p holds it.
func (s *scanner) skipString(p []byte, i int) (next int, closed bool) {
	if s.escape && i < len(p) {
		s.escape = false
		i++
	}
	for i < len(p) {
		i = nextMark(p, i)
		switch {
		case i == len(p):
		case p[i] == '"':
			return i + 1, true
		default:
			s.escape = i+1 == len(p)
			i += 2
		}
	}
	return len(p), false
}

// name takes a name from its first byte, where p holds all of it without an escape; nameByte takes the others.
func (s *scanner) name(p []byte, i int) (next int) {
	end := nextMark(p, i)
	if end == len(p) || p[end] != '"' {
		return i
	}
	if s.phase, s.matched = atColon, mismatch; string(p[i:end]) == successName {
		s.matched = int8(len(successName))
	}
	return end + 1
}
