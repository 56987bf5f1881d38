package envelope

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// inner reads what lies within an error: lists of what is wrong, further errors, data that may hold some.
func (w *walk) inner(members []member, s subject) {
	for _, m := range members {
		if w.full() {
			return
		}
		switch value := m.value.(type) {
		case string:
			if m.word.may(list|holder|wrapper) && !m.word.may(text|heading|field|fields) && !w.unwrap(value, s) && isSentence(value) && !m.word.may(thrown) {
				w.text(value, s)
			}
		case []any:
			w.innerList(m, value, s, members)
		case object:
			w.innerObject(m, value, s, members)
		}
	}
}

func (w *walk) innerList(m member, value []any, s subject, beside []member) {
	switch name := normal(m.name); {
	case m.word.may(own), m.word.may(echo) && !isEntries(value):
	case m.word.may(fields) && isNames(value):
		if s.owner == "" { // else they are read
			for _, element := range value {
				w.add(join(s.prefix, nameOf(element)), s.above)
			}
		}
	case isBranch(name) && !besideErrors(beside):
	case name == "items":
		for i, element := range value {
			w.value(element, join(s.owner, strconv.Itoa(i)))
		}
	case name == "children":
		w.list(value, subject{prefix: cmp.Or(s.owner, s.prefix), entry: true})
	case m.word.may(list), m.word.may(holder) && !s.quiet, isEntries(value):
		s.entry, s.quiet = true, false
		w.list(value, s)
	case m.word.may(holder), m.word.roles == 0:
		for _, element := range value {
			if o, ok := element.(object); ok {
				w.deeper(o, s)
			}
		}
	}
}

func (w *walk) innerObject(m member, value object, s subject, beside []member) {
	name := normal(m.name)
	if _, isText := textIn(value); isText && m.word.may(text|heading) || m.word.may(echo) || len(value) == 0 {
		return
	}
	switch n := natureOf(value); {
	case m.word.roles == 0 && !s.quiet && (n.holds || n.names):
		w.object(value, s)
	case name == "innererror", m.word.roles == 0:
		w.deeper(value, s)
	case m.word.may(own), isBranch(name) && !besideErrors(beside):
	case name == "constraints":
		for _, rule := range slices.Sorted(maps.Keys(value)) {
			if said, ok := value[rule].(string); ok {
				w.text(said, s)
			}
		}
	case !m.word.may(text | heading | list | wrapper | holder), m.word.may(heading) && !m.word.may(core) && holdsOwn(value):
	case m.word.may(holder):
		if !isByField(value, strictly, &w.steps) && w.object(value, s) {
			return
		}
		if s.quiet {
			w.bare(value, s, strictly)
		} else {
			w.bare(value, s, loosely)
		}
	case isError(value), isLeaf(value) && m.word.may(text) && m.word.may(list):
		s.entry, s.quiet = m.word.may(list) && !m.word.may(wrapper), false
		w.object(value, s)
	case m.word.may(wrapper):
		s.quiet = false
		if !w.object(value, s) {
			w.bare(value, s, loosely)
		}
	case m.word.may(keyed):
		w.byField(value, cmp.Or(s.owner, s.prefix), byName)
	case m.word.may(list):
		if !w.bare(value, s, loosely) && s.owner == "" && name == "details" {
			w.keep(value)
		}
	}
}

// list reads what is wrong, one by one.
func (w *walk) list(values []any, s subject) {
	for _, value := range values {
		if w.steps--; w.full() {
			return
		}
		switch value := value.(type) {
		case string:
			w.text(value, s)
		case []any:
			w.list(value, s)
		case object:
			if !w.object(value, s) {
				w.bare(value, s, loosely)
			}
		}
	}
}

// deeper looks for lists of what is wrong in an object that nobody knows; its texts do not count.
func (w *walk) deeper(o object, s subject) {
	for _, m := range w.members(o) {
		switch value := m.value.(type) {
		case []any:
			if m.word.may(list|wrapper) && !isTexts(value) || isEntries(value) {
				w.innerList(m, value, s, nil)
			}
		case object:
			if m.word.may(list | wrapper) {
				w.innerObject(m, value, s, nil)
			}
		}
	}
}

func besideErrors(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		_, ok := m.value.([]any)
		return ok && m.name == "errors"
	})
}

// holdsOwn reports whether an object has what only the backend may see, such as a stack trace: as a cause it is an exception.
func holdsOwn(o object) bool {
	for name := range o {
		if lookUp(name).may(own) {
			return true
		}
	}
	return false
}
