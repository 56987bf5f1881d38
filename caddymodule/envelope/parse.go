package envelope

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/inside"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// parse reads the first JSON value of a body: of ndjson that is the first line. It reports false for what is no object,
// array or text, for broken JSON and for nesting deeper than anybody's errors are.
func parse(body []byte) (any, bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 || body[0] != '{' && body[0] != '[' && body[0] != '"' || strictjson.Deeper(body, maxNesting) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	return value, d.Decode(&value) == nil
}

// maxNesting is how deep a body that is read may be nested.
const maxNesting = 64

// validEnvelope reports whether a body is an envelope already, and its code. Names given twice would be read by one
// caller this way and by the next that way: they make it none. Only a body that parse could read is looked at.
func validEnvelope(body []byte, parsed bool) (refusal.Code, bool) {
	if !parsed || !utf8.Valid(body) {
		return "", false
	}
	value, err := strictjson.Reader{MaxDepth: maxNesting, UniqueTo: 2}.Read(body)
	whole, _ := value.(map[string]any)
	if inner, ok := whole["error"].(map[string]any); err == nil && ok && whole["success"] == false {
		code, _ := inner["code"].(string)
		message, _ := inner["message"].(string)
		details, given := inner["details"]
		_, object := details.(map[string]any)
		if message != "" && given && (details == nil || object) {
			return refusal.Code(code), refusal.Code(code).Known()
		}
	}
	return "", false
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
