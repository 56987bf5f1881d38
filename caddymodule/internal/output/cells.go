package output

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// ellipsis stands for what a short cell leaves out.
const ellipsis = "…"

// Cells is how many cells of a terminal a text takes: an ideograph takes two, an accent that joins the letter before it none.
func Cells(text string) (cells int) {
	for _, r := range text {
		cells += cellsOf(r)
	}
	return cells
}

func cellsOf(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens a text at its end.
func cut(text string, cells int) string {
	if Cells(text) <= cells {
		return text
	}
	room := cells - 1
	for at, r := range text {
		if room -= cellsOf(r); room < 0 {
			return text[:at] + ellipsis
		}
	}
	return text
}

// cutFront shortens a text at its beginning.
func cutFront(text string, cells int) string {
	over := Cells(text) - cells
	if over <= 0 {
		return text
	}
	over++ // for the ellipsis
	for at, r := range text {
		if size := cellsOf(r); over > 0 || size == 0 {
			over -= size
			continue
		}
		return ellipsis + text[at:]
	}
	return ellipsis
}

// breakable are the parts of a long word between which a line may end.
var breakable = regexp.MustCompile(`[\x00-\x7f]*?,|[\x00-\x7f]+|[^\x00-\x7f]\pM*`)

// unbroken stands for a space at which no line ends. It is not printable, so that no text has it.
const unbroken = "\x00"

// Unbroken is a text that Hang leaves in one line, such as a path that is copied.
func Unbroken(text string) string { return strings.ReplaceAll(text, " ", unbroken) }

// Hang breaks a text into lines of at most width cells; 0 is any width. Its first line begins at a column, at which the caller
// already is, and the others at an indent. It breaks at spaces, and in a word that is longer than a line after commas, as JSON has
// them, and between letters that are not ASCII: some languages have no spaces. Another long word stands whole, further left if need
// be: ids, paths and URLs are copied.
func Hang(text string, at, indent, width int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || string(r) == unbroken {
			return r
		}
		return unicode.ReplacementChar
	}, text)
	if width == 0 {
		return strings.ReplaceAll(text, unbroken, " ")
	}
	var b strings.Builder
	for n, word := range strings.Split(text, " ") {
		pieces := []string{word}
		if Cells(word) > width-indent {
			pieces = breakable.FindAllString(word, -1)
		}
		for m, piece := range pieces {
			size, gap := Cells(piece), 0
			if n > 0 && m == 0 {
				gap = 1
			}
			if n+m > 0 && at+gap+size > width {
				at, gap = max(min(indent, width-size), min(indent, 2)), 0
				b.WriteString("\n" + strings.Repeat(" ", at))
			}
			b.WriteString(strings.Repeat(" ", gap) + piece)
			at += gap + size
		}
	}
	return strings.ReplaceAll(b.String(), unbroken, " ")
}
