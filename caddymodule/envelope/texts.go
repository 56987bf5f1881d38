package envelope

import (
	"cmp"
	"slices"
	"strings"
)

// texts are the texts of an error, strong ones and headings. Those that are JSON are read as what they are.
func (w *walk) texts(members []member, s subject) (strong, weak []string) {
	for _, m := range members {
		if !m.word.may(text | heading) {
			continue
		}
		if texts, ok := m.value.([]any); ok && m.word.may(core) && !m.word.may(list) && isTexts(texts) {
			for _, t := range texts {
				strong = append(strong, t.(string))
			}
			continue
		}
		said, ok := m.value.(string)
		if inner, isObject := m.value.(object); isObject && m.word.may(text|heading) {
			said, ok = textIn(inner)
		}
		switch {
		case !ok || strings.TrimSpace(said) == "":
		case w.unwrap(said, s):
		case m.word.may(text):
			strong = append(strong, said)
		default:
			weak = append(weak, said)
		}
	}
	return strong, weak
}

// otherSentences are what an entry says under names that nobody knows.
func otherSentences(members []member) (said []string) {
	for _, m := range members {
		if t, ok := m.value.(string); ok && m.word.roles == 0 && isSentence(t) {
			said = append(said, t)
		}
	}
	return said
}

// textIn is the text of an object that is one: {"lang": "en", "value": "…"}, {"text": "…"}.
func textIn(o object) (said string, ok bool) {
	hasLanguage := false
	for name, value := range o {
		s, isText := value.(string)
		switch known := normal(name); {
		case lookUp(name).may(core):
			return "", false // it is an error
		case known == "lang":
			hasLanguage = true
		case known == "value" && said == "", known == "text":
			said, ok = s, isText && (ok || known == "text")
		}
	}
	return said, ok || hasLanguage && said != ""
}

// unwrap reads a text that is JSON.
func (w *walk) unwrap(said string, s subject) bool {
	said = strings.TrimSpace(said)
	if said == "" || said[0] != '[' && said[0] != '{' || w.unwrapped == maxUnwrapped {
		return false
	}
	value, ok := parse([]byte(said))
	if !ok {
		return false
	}
	w.unwrapped++
	before := w.count()
	s.entry = true
	switch value := value.(type) {
	case object:
		w.object(value, s)
	case []any:
		w.list(value, s)
	}
	return w.count() > before
}

// text takes a text that stands alone, or in a list.
func (w *walk) text(said string, s subject) {
	switch {
	case w.unwrap(said, s):
	case s.field != "" || s.owner != "":
		w.add(cmp.Or(s.field, s.owner), said)
	default:
		w.say(said, false)
	}
}

func (w *walk) sayAll(strong, weak []string) {
	for _, t := range strong {
		w.say(t, false)
	}
	for _, t := range weak {
		w.say(t, true)
	}
}

// attach notes the texts of an entry under the field that it is about.
func (w *walk) attach(field string, strong, weak []string) {
	for _, t := range strong {
		w.add(field, t)
	}
	for i, t := range weak {
		if len(strong) == 0 && i == 0 || isSentence(t) {
			w.add(field, t)
		}
	}
}

// isFault reports whether an object is an error although it stands where data may: it has a text, and a code or what only
// errors have.
func isFault(members []member, hasText bool) bool {
	return hasText && slices.ContainsFunc(members, func(m member) bool { return m.word.may(code | own) })
}

// code takes the word for programs of an error that says nothing else.
func (w *walk) code(members []member, owner string, s subject) {
	for _, m := range members {
		said, ok := m.value.(string)
		switch {
		case !ok || !m.word.may(code) || !isCode(said) || s.quiet:
		case owner != "":
			w.add(owner, said)
			return
		case strings.HasSuffix(normal(m.name), "code"):
			w.say(said, true)
			return
		}
	}
	if owner != "" && s.field == "" && s.owner == "" {
		w.add(owner, s.above) // an entry that names a field and says nothing
	}
}

// isCode tells words such as missing_field and ORDER_LOCKED from numbers, sentences and URLs.
func isCode(s string) bool {
	letters := false
	for i := range len(s) {
		c := s[i] | 0x20
		letters = letters || c >= 'a' && c <= 'z'
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '_' && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return letters
}
