package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Unreachable says that no Konecty answered: there is no connection, or it is something else that answers.
type Unreachable struct{ Reason string }

func (u *Unreachable) Error() string { return u.Reason }

// Refusal is the server's or the gateway's error, whatever shape it came in.
type Refusal struct {
	// Status is the answer's; 200 where the server says failure in the body alone.
	Status int
	// Code is the gateway's (FORBIDDEN, RATE_LIMITED, …); empty where the server speaks for itself.
	Code string
	// Message is the whole's. Empty where only fields are named.
	Message string
	// Problems are about fields, in the server's words.
	Problems []Problem
	// Scopes are those that the key lacks.
	Scopes []string
	// RequestID finds the request in the gateway's log.
	RequestID string
}

// Problem is what is wrong with one field.
type Problem struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Error is all of it in one line.
func (r *Refusal) Error() string {
	var b strings.Builder
	if r.Session() {
		b.WriteString("the session has ended, or never was: log in again (konecty login --help): ")
	}
	b.WriteString(r.Message)
	for _, p := range r.Problems {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Field + ": " + p.Text)
	}
	if len(r.Scopes) > 0 {
		fmt.Fprintf(&b, " The key lacks %s.", strings.Join(r.Scopes, ", "))
	}
	if r.Status >= http.StatusInternalServerError && r.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", r.RequestID)
	}
	return b.String()
}

// databaseAway is how the bare server says that it cannot reach its database: with 200, 400 or 401.
var databaseAway = regexp.MustCompile(`^(\[\S+\] )?(connect|read|write|getaddrinfo|querySrv) E[A-Z]+|^connection .* closed|^pool destroyed|^Topology is closed|^not primary|[Tt]imed out`)

// Away reports whether the server cannot serve anybody now; to send the same again later may help.
func (r *Refusal) Away() bool {
	return r.Status >= http.StatusInternalServerError || databaseAway.MatchString(r.Message)
}

// Session reports whether it is the session that the server refuses.
func (r *Refusal) Session() bool { return strings.HasPrefix(r.Message, "[get-user]") }

// isFinal reports whether the server refuses just this, to this session: it is there, the session is open, and to ask
// later does not help.
func (r *Refusal) isFinal() bool {
	return !r.Away() && !r.Session() && r.Status != http.StatusUnauthorized && r.Status != http.StatusTooManyRequests
}

// failure is nil for a success.
func (c *Client) failure(a *answer) error {
	object := firstObject(a.body)
	meta, _ := object["_meta"].(map[string]any)
	if a.status >= 200 && a.status < 300 && object["success"] != false && meta["success"] != false {
		return nil
	}
	if a.status >= 300 && a.status < 400 {
		return &Unreachable{fmt.Sprintf("%s redirects to %s: give that as the host", c.base, Line(a.header.Get("Location")))}
	}
	r := &Refusal{Status: a.status, RequestID: Line(a.header.Get("X-Request-Id"))}
	switch {
	case meta != nil:
		r.readErrors(meta)
	case object != nil:
		r.readErrors(object)
	case strings.HasPrefix(a.header.Get("Content-Type"), "text/plain"):
		r.Message = Line(string(a.body))
	case a.status < http.StatusInternalServerError && len(bytes.TrimSpace(a.body)) > 0:
		return c.stranger(a)
	}
	if r.Message == "" && len(r.Problems) == 0 {
		r.Message = fmt.Sprintf("%s answered %d %s", c.base, a.status, http.StatusText(a.status))
	}
	return r
}

// stranger says that something answered that is no Konecty.
func (c *Client) stranger(a *answer) error {
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if kind == "" {
		kind = "something"
	}
	return &Unreachable{fmt.Sprintf("%s answered %d with %s, which no Konecty does: is the host right?", c.base, a.status, Line(kind))}
}

// firstObject is the JSON object that a body begins with: all of it, or the first line of ndjson. Nil if there is none.
func firstObject(body []byte) map[string]any {
	var object map[string]any
	if json.NewDecoder(bytes.NewReader(body)).Decode(&object) != nil {
		return nil
	}
	return object
}

// readErrors reads the three shapes of errors.
func (r *Refusal) readErrors(object map[string]any) {
	if envelope, ok := object["error"].(map[string]any); ok { // the gateway's
		r.Code, _ = envelope["code"].(string)
		message, _ := envelope["message"].(string)
		details, _ := envelope["details"].(map[string]any)
		r.readDetails(details)
		if r.Message = Line(message); len(r.Problems) > 0 && namesAll(message, r.Problems) {
			r.Message = ""
		}
		return
	}
	if list, ok := object["errors"].([]any); ok { // the server's
		for _, entry := range list {
			e, _ := entry.(map[string]any)
			message, _ := e["message"].(string)
			r.add(Line(message))
		}
		return
	}
	message, _ := object["message"].(string) // the framework's below it
	r.add(Line(message))
}

// readDetails takes what the gateway says of fields, and of scopes.
func (r *Refusal) readDetails(details map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(details)) {
		switch value := details[name].(type) {
		case string:
			r.Problems = append(r.Problems, Problem{Line(name), Line(value)})
		case []any:
			for _, scope := range value {
				if scope, ok := scope.(string); ok && name == "missing_scopes" {
					r.Scopes = append(r.Scopes, Line(scope))
				}
			}
		}
	}
}

// namesAll reports whether a message is but the problems in one text.
func namesAll(message string, problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(message, p.Text) })
}

// fieldForms are the ways in which the server names a field.
var fieldForms = []*regexp.Regexp{
	regexp.MustCompile(`^Field (\w+) (?:is required$|does not exists on )`),
	regexp.MustCompile(`^Value .*for field (\w+)(?:\.[\w.$]+)?(?: with countryCode '55')? (?:is invalid$|must )`),
	regexp.MustCompile(`^Record not found for field (\w+) with _id \[`),
	regexp.MustCompile(`^\[\S+\] You don't have permission to \w+ field (\w+)$`),
	regexp.MustCompile(`^\[\S+\] (_user) must be array$`),
	regexp.MustCompile(`^Field \[(\w+)[^\]]*\] does not exists at `),
}

// add takes one message: about a field, or about the whole.
func (r *Refusal) add(message string) {
	for _, form := range fieldForms {
		if found := form.FindStringSubmatch(message); found != nil {
			r.Problems = append(r.Problems, Problem{found[1], message})
			return
		}
	}
	switch {
	case message == "":
	case r.Message == "":
		r.Message = message
	default:
		r.Message += "; " + message
	}
}

// maxLine is how much of a text from the network is shown, in bytes.
const maxLine = 1000

// Line is a text as it may stand on a terminal: one line, no control characters, bounded.
func Line(text string) string {
	if len(text) > maxLine {
		text = text[:maxLine] + "…"
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}
