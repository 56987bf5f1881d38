package envelope

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Answer is what a backend's error becomes.
type Answer struct {
	// Status is the backend's, unless a rule names another; where a success says that it is none, the code's.
	Status int
	// Code is what the caller acts on.
	Code refusal.Code
	// Body is the envelope. It must not be changed.
	Body []byte
	// Passed says that Body is the backend's own, byte for byte.
	Passed bool
	// RetryAfter is the Retry-After header where the backend gave none, in seconds; 0: none.
	RetryAfter int
	// Unread is a body of which nothing was understood; nil: something was, or it was empty.
	Unread *Unread
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
	value, isJSON := parse(body)
	f := read(value, isJSON, contentType, body)
	m.places.read(f, value)
	said := m.judge(f)
	code := said.code
	if code == "" {
		code = codeFor(status)
	}
	if own, ok := validEnvelope(body, isJSON); ok && said.status == 0 && (own == code || said.code == "" && status < 400 && own != refusal.CodeInternal) {
		if m.mayPass(value, body) {
			return Answer{Status: answerStatus(status, own), Code: own, Body: body, Passed: true}
		}
		f.hidden = true
	}
	a := Answer{Status: answerStatus(status, code), Code: code}
	if said.status != 0 {
		a.Status = said.status
	}
	if said.code != "" && (a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable) {
		a.RetryAfter = classifiedRetryAfter
	}
	if code == refusal.CodeInternal {
		a.Body, a.Hidden = standardBody(code), logText(body)
		return a
	}
	message, details := f.message(), f.fields()
	if nothing := message == "" && len(details) == 0; nothing || f.hidden {
		a.Hidden = logText(body)
		if nothing && !f.hidden {
			a.Unread = newUnread(value, isJSON, contentType, body)
		}
	}
	a.Body = refusal.AppendEnvelope(make([]byte, 0, 512), code, cmp.Or(message, code.Message()), details)
	return a
}

// classifiedRetryAfter is how long a caller is told to wait where a rule makes an answer 429 or 503 and the backend gave no
// time, in seconds.
const classifiedRetryAfter = 5

// mayPass reports whether an envelope of the backend's own may leave as it is: nothing in it speaks of the inside, and where
// the site keeps errors it has none, since they could say anything.
func (m *Mapper) mayPass(value any, body []byte) bool {
	whole, _ := value.(object)
	if _, own := whole[keptErrors]; own && m.keep {
		return false
	}
	return !tellsOfTheInside(body)
}

// read finds what an error body says: JSON whatever its type is called, and text that says it is plain.
func read(value any, isJSON bool, contentType string, body []byte) *finding {
	f := new(finding)
	if isJSON {
		w := walk{finding: f, steps: maxSteps}
		w.body(value)
	} else if isPlainText(contentType) {
		f.say(string(body), false)
	}
	return f
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

// judge asks the rules about every message. The first message that one of them matches gives code and status; every message
// that comes without a field may get one; those that a rule calls internal are hidden, whichever gives the code.
func (m *Mapper) judge(f *finding) (first meaning) {
	if len(m.rules) == 0 {
		return first
	}
	ask := func(message string) meaning {
		if message == "" {
			return meaning{}
		}
		said := m.classify(bound(message))
		if first.code == "" {
			first = said
		}
		return said
	}
	for i := range f.statements {
		switch said := ask(f.statements[i].text); {
		case said.code == refusal.CodeInternal:
			f.statements[i].text, f.hidden = "", true
		case said.field != "":
			f.add(said.field, f.statements[i].text)
		}
	}
	for i := range f.entries {
		if ask(f.entries[i].message).code == refusal.CodeInternal {
			f.entries[i].message, f.hidden = "", true
		}
	}
	return first
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
