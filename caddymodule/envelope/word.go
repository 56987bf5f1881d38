package envelope

import (
	"encoding/binary"
	"math/bits"
)

// A word is eight bytes that are looked at together, the first of them lowest. A set of its bytes is a word as well, which
// has the highest bit of each byte that belongs to the set. The methods are those of H. Warren, Hacker's Delight, chapter 6,
// and of G. Langdale and D. Lemire, Parsing Gigabytes of JSON per Second.
const (
	each    = 0x0101010101010101 // times a byte: that byte eight times
	highest = each * 0x80        // the set of all
)

// Bytes that are looked for, eight times. They are variables because a loop reads them faster from memory than out of its
// own instructions.
var (
	quotes  uint64 = each * '"'
	slashes uint64 = each * '\\'
	opening uint64 = each * '{'
	closing uint64 = each * '}'
)

// unlike has the highest bit of the bytes in which w and other differ, and other bits that say nothing. Both are ASCII.
func unlike(w, other uint64) uint64 { return (w ^ other) + each*0x7F }

// oddUpTo has the highest bit of the bytes up to which, themselves included, an odd number belongs to the set, and other
// bits that say nothing.
func oddUpTo(set uint64) uint64 { return set >> 7 * each << 7 }

// count is how many bytes belong to the set.
func count(set uint64) uint64 { return set >> 7 * each >> 56 }

// place is where in the word the first byte of the set is.
func place(set uint64) int { return bits.TrailingZeros64(set) / 8 }

// behindSlashes is the set of the bytes behind a backslash that is not itself behind one. escape says that the byte before
// the word was one; next, that the last byte is.
func behindSlashes(set uint64, escape bool) (behind uint64, next bool) {
	if escape {
		behind = 0x80
	}
	for set &^= behind; set != 0; {
		first := set & -set
		next = first<<8 == 0
		behind |= first << 8
		set &^= first | first<<8
	}
	return behind, next
}

// nextMark is where the next quote or backslash is, at i or later; len(p) if there is none.
func nextMark(p []byte, i int) int {
	for ; i <= len(p)-8; i += 8 {
		all := binary.LittleEndian.Uint64(p[i : i+8])
		w := all &^ highest
		if set := ^(unlike(w, quotes)&unlike(w, slashes) | all) & highest; set != 0 {
			return i + place(set)
		}
	}
	for ; i < len(p) && p[i] != '"' && p[i] != '\\'; i++ {
	}
	return i
}
