package envelope

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inside"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// parse reads the first JSON value of a body: of ndjson that is the first line. It reports false for what is no object,
// array or text, for broken JSON and for nesting deeper than anybody's errors are.
func parse(body []byte) (any, bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 || body[0] != '{' && body[0] != '[' && body[0] != '"' || tooDeep(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	return value, d.Decode(&value) == nil
}

// maxNesting is how deep a body that is read may be nested.
const maxNesting = 64

// tooDeep reports whether a JSON text is nested deeper than maxNesting.
func tooDeep(body []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// validEnvelope reports whether a body is an envelope already, and its code. Names given twice would be read by one
// caller this way and by the next that way: they make it none. Only a body that parse could read is looked at.
func validEnvelope(body []byte, parsed bool) (refusal.Code, bool) {
	if !parsed || !utf8.Valid(body) || !json.Valid(body) {
		return "", false
	}
	whole, ok := members(body)
	if !ok || string(whole["success"]) != "false" {
		return "", false
	}
	inner, ok := members(whole["error"])
	if !ok {
		return "", false
	}
	var code, message string
	if json.Unmarshal(inner["code"], &code) != nil || json.Unmarshal(inner["message"], &message) != nil || message == "" {
		return "", false
	}
	if details := inner["details"]; len(details) == 0 || details[0] != '{' && string(details) != "null" {
		return "", false
	}
	return refusal.Code(code), refusal.Code(code).Known()
}

// tellsOfTheInside reports whether any name or text of a JSON body does, those included that stand behind another of the
// same name.
func tellsOfTheInside(body []byte) bool {
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		t, err := d.Token()
		if err != nil {
			return err != io.EOF
		}
		if s, ok := t.(string); ok && inside.Tells(s) {
			return true
		}
	}
}

// members are the members of a JSON object, if it is one and has no name twice.
func members(raw []byte) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	list := make(map[string]json.RawMessage)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		key, _ := name.(string)
		if _, twice := list[key]; twice {
			return nil, false
		}
		list[key] = value
	}
	return list, true
}
