package envelope

import (
	"net/http"
	"strings"
	"unicode"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// maxEntries is how many texts and how many entries of an error are read, maxDetails how many fields are answered. More help
// nobody.
const (
	maxEntries = 64
	maxDetails = 64
)

// entry is what is wrong with a field.
type entry struct {
	field   string // dotted
	message string
}

// statement is a text about the whole request.
type statement struct {
	text string
	weak bool // a heading or a code: it stands if it is a sentence, or nothing else does
}

// finding is what was read out of an error body.
type finding struct {
	statements []statement
	entries    []entry
	details    map[string]any // members of details that are kept as they are
	code       any            // the backend's own code, a text or a number; nil: it is not asked for, or there is none
	hidden     bool           // something was left out that the caller may not see
}

// say notes a text about the whole request.
func (f *finding) say(text string, weak bool) {
	if text = strings.TrimSpace(text); text != "" && len(f.statements) < maxEntries {
		f.statements = append(f.statements, statement{text, weak})
	}
}

// add notes what is wrong with a field. What names none that may be shown is about the whole request.
func (f *finding) add(field, message string) {
	if len(f.entries) == maxEntries {
		return
	}
	name := cleanField(field)
	if name == "" {
		f.hidden = f.hidden || field != ""
		f.say(message, false)
		return
	}
	f.entries = append(f.entries, entry{name, message})
}

// show is the text as the caller may see it; "" if there is none, or it is hidden.
func (f *finding) show(text string) string {
	shown, ok := show(text)
	f.hidden = f.hidden || !ok
	return shown
}

// message is what is said of the whole request, the most telling first. "": nothing that may be shown.
func (f *finding) message() string {
	var said, headings []string
	for _, s := range f.statements {
		shown := f.show(s.text)
		if shown == "" {
			continue
		}
		if s.weak && !isSentence(shown) {
			headings = append(headings, shown)
			continue
		}
		if said = appendNew(said, shown); lengthOf(said) > maxMessage {
			break
		}
	}
	if len(said) == 0 && len(headings) > 0 {
		said = headings[:1]
	}
	return together(said)
}

// appendNew appends a text, unless it is a part of one that is there.
func appendNew(said []string, text string) []string {
	for _, before := range said {
		if strings.Contains(before, text) {
			return said
		}
	}
	return append(said, text)
}

func lengthOf(texts []string) (n int) {
	for _, t := range texts {
		n += len(t)
	}
	return n
}

// together joins texts in one line of bounded length.
func together(texts []string) string {
	var b strings.Builder
	for i, t := range texts {
		if i > 0 && strings.HasSuffix(b.String(), ".") {
			b.WriteByte(' ')
		} else if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(t)
	}
	return bound(b.String())
}

// isSentence reports whether a text is more than a word or the name of a status. East Asian scripts have no spaces.
func isSentence(text string) bool {
	spaced := strings.Contains(text, " ") || strings.ContainsFunc(text, func(r rune) bool { return r >= '\u2e80' && unicode.IsLetter(r) })
	return spaced && !isStatusText(text)
}

// statusTexts are the names of the error statuses, in lower case.
var statusTexts = func() map[string]bool {
	names := make(map[string]bool)
	for status := 400; status < 600; status++ {
		names[strings.ToLower(http.StatusText(status))] = true
	}
	for _, name := range []string{"unprocessable content", "content too large", "payload too large", "uri too long"} { // RFC 9110, and before it
		names[name] = true
	}
	return names
}()

func isStatusText(text string) bool { return statusTexts[strings.ToLower(text)] }

// fields are the details: a text by field, several of one field in one text. Nil if there are none.
func (f *finding) fields() map[string]any {
	details := f.details
	texts := make(map[string][]string, len(f.entries))
	for _, e := range f.entries {
		before, named := texts[e.field]
		if !named && len(details) >= maxDetails {
			continue
		}
		if details == nil {
			details = make(map[string]any, len(f.entries))
		}
		if shown := f.show(e.message); shown != "" {
			texts[e.field] = appendNew(before, shown)
		} else if !named {
			texts[e.field] = nil
		}
		details[e.field] = together(texts[e.field])
	}
	for field := range texts {
		if details[field] == "" {
			details[field] = refusal.CodeInvalid.Message()
		}
	}
	if shown, ok := f.shownCode(); ok {
		if details == nil {
			details = make(map[string]any, 1)
		}
		details[backendCode] = shown
	}
	return details
}

// backendCode is the member of details that has the backend's own code, where the site says where to find it.
const backendCode = "backend_code"

// shownCode is the backend's own code as the caller may see it.
func (f *finding) shownCode() (any, bool) {
	s, isText := f.code.(string)
	if !isText {
		return f.code, f.code != nil
	}
	s = f.show(s)
	return oneLine(s, maxField), s != ""
}
