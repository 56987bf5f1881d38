package envelope

import (
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"strings"
)

// Answer is what a backend's error becomes.
type Answer struct {
	// Status is the backend's, or that of the code where a success says that it is none.
	Status int
	// Code is what the caller acts on.
	Code refusal.Code
	// Body is the envelope. It must not be changed.
	Body []byte
	// Passed says that Body is the backend's own, byte for byte.
	Passed bool
	// Hidden is what the backend said and the caller must not see, bounded and printable.
	Hidden string
}

// Map maps the decoded body of a 4xx, of a 5xx, or of a success that says `"success": false`.
func (m *Mapper) Map(status int, contentType string, body []byte) Answer {
	if status >= 500 {
		a := m.standard(status)
		a.Hidden = logText(body)
		return a
	}
	f, isJSON := read(contentType, body)
	code, classified := m.judge(&f)
	if !classified {
		code = codeFor(status)
	}
	if own, ok := validEnvelope(body, isJSON); ok && (own == code || !classified && status < 400 && own != refusal.CodeInternal) {
		return Answer{Status: answerStatus(status, own), Code: own, Body: body, Passed: true}
	}
	a := Answer{Status: answerStatus(status, code), Code: code}
	if code == refusal.CodeInternal {
		a.Body, a.Hidden = standardBody(code), logText(body)
		return a
	}
	message, hidden := f.text()
	if message == "" {
		message, hidden = code.Message(), true
	}
	a.Body = refusal.AppendEnvelope(make([]byte, 0, 512), code, message, f.fields())
	if hidden {
		a.Hidden = logText(body)
	}
	return a
}

// read finds what an error body says: JSON whatever its type is called, and text that says it is plain.
func read(contentType string, body []byte) (f finding, isJSON bool) {
	value, isJSON := parse(body)
	if isJSON {
		f.read(value)
	} else if isPlainText(contentType) {
		f.message = string(body)
	}
	return f, isJSON
}

// standard is the answer where there is no body to map.
func (m *Mapper) standard(status int) Answer {
	code := codeFor(status)
	return Answer{Status: answerStatus(status, code), Code: code, Body: standardBody(code)}
}

// codeFor is CodeOf, and CodeInvalid for a soft failure.
func codeFor(status int) refusal.Code {
	if status < 400 {
		return refusal.CodeInvalid
	}
	return refusal.CodeOf(status)
}

// answerStatus keeps the backend's status, unless that is a success: then it is the code's.
func answerStatus(status int, code refusal.Code) int {
	if status < 400 {
		return code.Status()
	}
	return status
}

func isPlainText(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/plain")
}

// judge asks the rules about every message. The first message that one of them matches gives the code; every message that
// comes without a field may get one.
func (m *Mapper) judge(f *finding) (code refusal.Code, classified bool) {
	if len(m.rules) == 0 {
		return "", false
	}
	ask := func(message string) (field string) {
		if message == "" {
			return ""
		}
		said, field, found := m.classify(bound(message))
		if found && !classified {
			code, classified = said, true
		}
		return field
	}
	if field := ask(f.message); field != "" {
		f.add(field, f.message)
	}
	for i := range f.entries {
		if field := ask(f.entries[i].message); field != "" && f.entries[i].field == "" {
			f.entries[i].field, f.entries[i].spoken = field, true
		}
	}
	return code, classified
}

// standardBodies are the envelopes with each code's standard message.
var standardBodies = func() map[refusal.Code][]byte {
	bodies := make(map[refusal.Code][]byte)
	for _, c := range refusal.Codes() {
		bodies[c] = refusal.AppendEnvelope(nil, c, c.Message(), nil)
	}
	return bodies
}()

func standardBody(c refusal.Code) []byte { return standardBodies[c] }
