package envelope

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// maxSteps is how many members and elements of a body are looked at. It bounds the cost of a hostile one.
const maxSteps = 5_000

// maxUnwrapped is how many texts that are JSON themselves are read as such.
const maxUnwrapped = 8

// walk reads an error body. The package's documentation has the order of precedence.
type walk struct {
	*finding
	steps     int
	unwrapped int
}

// subject is what a part of a body is about.
type subject struct {
	field  string // its texts are about this field, whatever it names itself
	owner  string // they are about this one, if it names none; "": about the whole request
	prefix string // what stands before the names of fields in it
	above  string // the text outside of it, for what names fields and says nothing
	entry  bool   // it is one of a list of things that are wrong: weak names of fields count
	quiet  bool   // there are texts outside of it, and it may be data: its own do not count
}

// member is a member of an object, with what the table says of its name.
type member struct {
	name  string
	word  word
	value any
}

// members are an object's, the most telling texts first, then in the order of their names.
func (w *walk) members(o object) []member {
	if w.steps -= len(o); w.steps < 0 {
		return nil
	}
	list := make([]member, 0, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		list = append(list, member{name, lookUp(name), o[name]})
	}
	slices.SortStableFunc(list, func(a, b member) int { return rankOf(a) - rankOf(b) })
	return list
}

func rankOf(m member) int {
	if m.word.may(text | heading) {
		return m.word.rank
	}
	return 2 * otherRank
}

// body reads a whole body.
func (w *walk) body(value any) {
	switch value := value.(type) {
	case string:
		w.text(value, subject{})
	case []any:
		w.list(value, subject{entry: true})
	case object:
		if w.envelope(value) {
			return
		}
		if w.object(value, subject{}) || w.bare(value, subject{}, loosely) {
			return
		}
		for _, m := range w.members(value) {
			if inner, ok := m.value.(object); ok && m.word.roles == 0 {
				w.object(inner, subject{})
			}
		}
	}
}

// envelope reads an error of our own shape whose code does not fit the status: its details stay as they are.
func (w *walk) envelope(o object) bool {
	e, _ := o["error"].(object)
	message, ok := e["message"].(string)
	if !ok || !isOurCode(e["code"]) || o["success"] != false {
		return false
	}
	details, _ := e["details"].(object)
	if _, has := e["details"]; has && details == nil && e["details"] != nil {
		return false
	}
	w.say(message, false)
	w.details, _ = w.clean(details, 0).(object)
	return true
}

// object reads an object that is an error, or an entry of one. It reports whether that said anything.
func (w *walk) object(o object, s subject) bool {
	members := w.members(o)
	if kind, _ := o["@type"].(string); strings.HasSuffix(kind, ".DebugInfo") {
		return true // google.rpc.DebugInfo is what its name says
	}
	if allFields(members) && w.bare(o, s, loosely) {
		return true
	}
	before := w.count()
	strong, weak := w.texts(members, s)
	named := w.named(members, s, len(strong)+len(weak) > 0 || listsFaults(members))
	if s.entry && len(named) > 0 && len(strong)+len(weak) == 0 {
		weak = otherSentences(members)
	}
	next := subject{owner: cmp.Or(s.field, s.owner), prefix: s.prefix, above: s.above, quiet: s.quiet || len(strong) > 0}
	if len(strong) > 0 {
		next.above = strong[0]
	}
	switch {
	case s.field != "":
		w.attach(s.field, strong, weak)
	case len(named) > 0:
		for i := range named {
			named[i] = join(s.prefix, named[i])
			w.attach(named[i], strong, weak)
		}
		next.owner = named[0]
		if !s.entry {
			w.sayAll(strong, weak)
		}
	case s.owner != "":
		w.attach(s.owner, strong, weak)
	case !s.quiet || isFault(members, len(strong) > 0):
		w.sayAll(strong, weak)
	}
	w.inner(members, next)
	if w.count() == before {
		w.code(members, next.owner, s)
	}
	return w.count() > before
}

// full reports whether no more is read: there is enough, or the body is too large.
func (w *walk) full() bool { return w.steps < 0 || len(w.entries) == maxEntries }

// count grows with all that is found.
func (w *walk) count() int { return len(w.statements) + len(w.entries) + len(w.details) }

// bare reads an object as one by field, if it looks like one.
func (w *walk) bare(o object, s subject, how reading) bool {
	if !isByField(o, how, &w.steps) {
		return false
	}
	before := w.count()
	w.byField(o, cmp.Or(s.field, s.owner, s.prefix), how)
	return w.count() > before
}

// allFields reports whether all members could be fields, and have what is said of fields: lists and objects.
func allFields(members []member) bool {
	return !slices.ContainsFunc(members, func(m member) bool {
		switch m.value.(type) {
		case []any, object:
			return m.word.roles != 0 && !m.word.may(general)
		}
		return true
	})
}

// listsFaults reports whether there are lists of what is wrong among the members.
func listsFaults(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		values, ok := m.value.([]any)
		inner, isObject := m.value.(object)
		return m.word.may(list) && (ok && len(values) > 0 && !m.word.may(fields) || isObject && len(inner) > 0)
	})
}
