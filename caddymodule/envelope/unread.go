package envelope

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Unread is an error body of which nothing was understood.
type Unread struct {
	// Kind is what it is.
	Kind UnreadKind
	// Members are the names of the members of JSON, bounded and printable, those of objects in it with a dot: what an operator
	// needs to say where the message is (Places). There is no value among them.
	Members []string
}

// UnreadKind is what such a body is: a closed set, fit for a metric's label.
type UnreadKind string

const (
	UnreadJSON  UnreadKind = "json"
	UnreadHTML  UnreadKind = "html"
	UnreadOther UnreadKind = "other"
)

// newUnread describes a body, unless it is empty.
func newUnread(value any, isJSON bool, contentType string, body []byte) *Unread {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil
	case isJSON:
		return &Unread{Kind: UnreadJSON, Members: memberNames(value)}
	case hasPrefixFold(strings.TrimSpace(contentType), "text/html"):
		return &Unread{Kind: UnreadHTML}
	}
	return &Unread{Kind: UnreadOther}
}

const (
	maxMembers    = 32 // names of members that the log gets
	maxMemberName = 64 // bytes of one
)

// memberNames are the names of the members of a body and of the objects in it, one deep, in order. There is no value in them.
func memberNames(value any) (names []string) {
	o, _ := value.(object)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		inner, _ := o[name].(object)
		if len(inner) == 0 {
			names = append(names, oneLine(name, maxMemberName))
		}
		for _, deeper := range slices.Sorted(maps.Keys(inner)) {
			if len(names) < maxMembers {
				names = append(names, oneLine(name, maxMemberName)+"."+oneLine(deeper, maxMemberName))
			}
		}
		if len(names) >= maxMembers {
			return append(names[:maxMembers], "…")
		}
	}
	return names
}
