package describe

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is a text as one line: what is no letter of it, line breaks among them, becomes a space.
func line(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
	}), " ")
}

// paragraph is a text as a paragraph of Markdown: it begins neither a heading nor a list, a quote, a table, a fence or a rule.
func paragraph(text string) string {
	text = line(text)
	if text == "" {
		return ""
	}
	if strings.ContainsRune("#-*+>=~|`<_:", rune(text[0])) {
		return `\` + text
	}
	if digits := strings.TrimLeft(text, "0123456789"); len(digits) < len(text) && digits != "" && (digits[0] == '.' || digits[0] == ')') {
		return text[:len(text)-len(digits)] + `\` + digits
	}
	return text
}

// sentence is a paragraph that ends as sentences do.
func sentence(text string) string {
	text = paragraph(text)
	if text == "" || strings.ContainsRune(".!?:", rune(text[len(text)-1])) {
		return text
	}
	return text + "."
}

// cell is a text in a cell of a table.
func cell(text string) string { return strings.ReplaceAll(line(text), "|", `\|`) }

// code is a text as code in a line or a cell of Markdown.
func code(text string) string {
	text = line(text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		text = " " + text + " "
	}
	return fence + strings.ReplaceAll(text, "|", `\|`) + fence
}

// cut is a text of at most so many bytes, which ends with a whole character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// quote is a text as JSON, which YAML takes for the same text.
func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text has no reason to fail
	return bytes.TrimRight(b.Bytes(), "\n")
}

// inShell is a text between double quotes of a shell's.
func inShell(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(line(text))
}

// object writes a JSON object, member after member.
type object struct{ b []byte }

// raw writes a member that is JSON already.
func (o *object) raw(name string, value []byte) {
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, quote(name)...), ':'), value...)
}

// text writes a member, unless the text is empty.
func (o *object) text(name, text string) {
	if text != "" {
		o.raw(name, quote(text))
	}
}

// flag writes a member that is true.
func (o *object) flag(name string, on bool) {
	if on {
		o.raw(name, []byte("true"))
	}
}

// end is the object.
func (o *object) end() []byte {
	if len(o.b) == 0 {
		return []byte("{}")
	}
	return append(o.b, '}')
}

// array writes a JSON array.
func array(elements ...[]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(elements, []byte{','})...), ']')
}

func texts(list []string) []byte {
	quoted := make([][]byte, len(list))
	for n, text := range list {
		quoted[n] = quote(text)
	}
	return array(quoted...)
}
