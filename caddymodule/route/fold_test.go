package route

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// respellings are what backends make of a segment before they compare it: upper and lower case, simple (Go) and full
// (JavaScript, Java, Python), in the languages that have rules of their own.
// Greek is not in every list: x/text drops the iota subscript there, which all others make a letter.
func respellings(languages ...language.Tag) []func(string) string {
	all := []func(string) string{
		strings.ToUpper, strings.ToLower, strings.ToTitle, norm.NFC.String, norm.NFD.String, norm.NFKC.String,
		func(s string) string { return strings.ToUpperSpecial(unicode.TurkishCase, s) },
		func(s string) string { return strings.ToLowerSpecial(unicode.TurkishCase, s) },
		func(s string) string { return cases.Fold().String(s) },
	}
	for _, language := range append(languages, language.Und, language.Turkish, language.Azerbaijani, language.Lithuanian, language.Dutch) {
		all = append(all, cases.Upper(language).String, cases.Lower(language).String)
	}
	return all
}

func TestFoldIsAsWideAsAnyBackendsLetterCase(t *testing.T) {
	all, withGreek := respellings(), respellings(language.Greek)
	checked := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Han, unicode.Hangul) {
			continue // thousands with other forms, none with letter case
		}
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSymbol(r) && !unicode.IsMark(r) {
			continue
		}
		s := "a" + string(r)
		if unicode.SimpleFold(r) == r && norm.NFKD.String(s) == s && strings.ToUpper(s) == "A"+string(r) {
			continue // no letter case and no other form
		}
		checked++
		folded := fold(s)
		if again := fold(folded); again != folded {
			t.Fatalf("%U: folding %q again gives %q", r, folded, again)
		}
		respellings := withGreek
		if strings.ContainsRune(norm.NFD.String(s), '\u0345') {
			respellings = all
		}
		for i, respell := range respellings {
			if got := fold(respell(s)); got != folded {
				t.Fatalf("%U: respelling %d, %q, folds to %q instead of %q", r, i, respell(s), got, folded)
			}
		}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if got := fold("a" + string(other)); got != folded {
				t.Fatalf("%U folds to %q, its simple fold %U to %q", r, folded, other, got)
			}
		}
	}
	require.Greater(t, checked, 2000)
}

func TestFoldKeepsOtherLettersApart(t *testing.T) {
	for _, pair := range [][2]string{{"export", "exp0rt"}, {"export", "exports"}, {"kiss", "кiss"}, {"a-b", "a_b"}, {"l1", "li"}, {"", "a"}} {
		require.NotEqual(t, fold(pair[0]), fold(pair[1]))
	}
}

func TestChildBoundsTheWorkOfFolding(t *testing.T) {
	var n node
	longest := n.grow(segment{literal: strings.Repeat("i", MaxLiteral)})
	// The longest spelling of a letter that folding knows: a mathematical i with two dots above, encoded.
	require.Same(t, longest, n.child(strings.Repeat(url.PathEscape("𝐢\u0307\u0307"), MaxLiteral)))
	require.Nil(t, n.child(strings.Repeat("%C4%B0", 1<<20)))
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "EXPORT", "Straße", "ıİiI", "i\u0307\u0307", "ΐΰ", "ﬃ", "K", "\xff", "가", "ệ", "\u0345α"} {
		f.Add(seed)
	}
	respellings := respellings()
	f.Fuzz(func(t *testing.T, s string) {
		folded := fold(s)
		if !utf8.ValidString(s) {
			return // refused by package target
		}
		require.Equal(t, folded, fold(folded), "%q", s)
		for i, respell := range respellings {
			require.Equal(t, folded, fold(respell(s)), "%q, respelling %d", s, i)
		}
	})
}
