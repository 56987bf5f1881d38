package envelope

import (
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"strings"
)

// maxEntries is how many entries of an error are read, maxDetails how many fields are answered. More help nobody.
const (
	maxEntries = 64
	maxDetails = 64
)

// entry is one thing that is wrong, and with what.
type entry struct {
	field   string // dotted; "": not about a field
	message string
	spoken  bool // the message also belongs to the whole answer's
}

// finding is what the shapes read out of an error body.
type finding struct {
	message string
	entries []entry
	details map[string]any // an envelope's own details
	secret  bool           // a message was left out, because a rule calls it internal
}

// add notes one thing that is wrong.
func (f *finding) add(field, message string) {
	if len(f.entries) < maxEntries {
		f.entries = append(f.entries, entry{field: cleanField(field), message: message})
	}
}

// say sets the message, if there is none yet.
func (f *finding) say(message string) {
	if f.message == "" {
		f.message = strings.TrimSpace(message)
	}
}

// text is the message that may be shown: the whole's, or those of the entries that name no field. It reports whether
// something had to be left out.
func (f *finding) text() (message string, hidden bool) {
	if f.message != "" {
		message, ok := show(f.message)
		return message, !ok || f.secret
	}
	var said []string
	hidden = f.secret
	for _, e := range f.entries {
		if e.field != "" && !e.spoken || e.message == "" {
			continue
		}
		if s, ok := show(e.message); !ok {
			hidden = true
		} else if s != "" {
			said = append(said, s)
		}
	}
	return bound(strings.Join(said, "; ")), hidden
}

// fields are the details: a message by field, several of one field in one text. Nil if no field is named.
func (f *finding) fields() map[string]any {
	details := f.details
	for _, e := range f.entries {
		if e.field == "" {
			continue
		}
		if details == nil {
			details = make(map[string]any, len(f.entries))
		}
		message, _ := show(e.message)
		if message == "" {
			message = refusal.CodeInvalid.Message()
		}
		before, named := details[e.field].(string)
		switch {
		case named && before != message:
			details[e.field] = bound(before + "; " + message)
		case !named && len(details) < maxDetails:
			details[e.field] = message
		}
	}
	return details
}
