package envelope

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// reading is how sure it is that the names of an object are those of fields.
type reading uint8

const (
	byName   reading = iota // the name of the object says so
	loosely                 // it looks so: a sentence is what is wrong with a field
	strictly                // it looks so where data may stand as well: only lists of texts and errors are
)

// byField reads an object whose names are those of fields. Where its name does not say so only what isByField has looked for
// counts.
func (w *walk) byField(o object, prefix string, how reading) {
	if w.steps -= len(o); w.steps < 0 {
		return
	}
	parts := onlyParts(o)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if w.full() {
			return
		}
		known := lookUp(name)
		_, isText := o[name].(string)
		inner, _ := o[name].(object)
		switch {
		case strings.HasPrefix(name, "@"), known.may(own), !how.takes(known, o[name]):
		case isGeneral(name, known), prefix == "" && isText && isNumber(name), prefix != "" && isText && ruleName.MatchString(name):
			w.value(o[name], prefix)
		case inner != nil && (parts || errorKey.MatchString(name)):
			if isError(inner) {
				w.object(inner, subject{prefix: prefix, entry: true})
			} else {
				w.byField(inner, prefix, how)
			}
		default:
			w.value(o[name], join(prefix, nameIn(name)))
		}
	}
}

// takes reports whether a member may be what is said of a field.
func (how reading) takes(known word, value any) bool {
	switch value := value.(type) {
	case string:
		return how == byName || how == loosely && isSentence(value) && known.roles&^(about|maybe|code) == 0
	case []any:
		return how != strictly || !known.may(about|echo) || !isTexts(value)
	}
	return true
}

// value reads what is said of a field; of the whole request, if it is "".
func (w *walk) value(v any, about string) {
	if w.steps--; w.steps < 0 {
		return
	}
	s := subject{field: about, entry: true}
	switch v := v.(type) {
	case string:
		w.text(v, s)
	case []any:
		for i, element := range v {
			if o, ok := element.(object); ok && about != "" && !isLeaf(o) {
				w.byField(o, join(about, strconv.Itoa(i)), byName)
			} else {
				w.value(element, about)
			}
		}
	case object:
		if isLeaf(v) {
			w.object(v, s)
		} else {
			w.byField(v, about, byName)
		}
	}
}

// ruleName tells the names of rules that stand where others name a field's fields: {"email": {"required": "…"}}.
var ruleName = regexp.MustCompile(`^([Rr]equired|[Uu]nique|isUnique|notEmpty|notBlank|minLength|maxLength|is[A-Z]\w*)$`)

// errorKey tells the names of errors that have fields in them: {"ARGUMENTS_ERROR": {"email": […]}}.
var errorKey = regexp.MustCompile(`([a-z]E|[A-Z_]E|^E)(rror|xception|RRORS?)$`)

// isGeneral tells the names under which stands what concerns no field: those of the table, the empty one, and those with an
// underscore before them (_errors, _schema, __all__, _empty), except an id.
func isGeneral(name string, known word) bool {
	return known.may(general) || name == "" || name[0] == '_' && name != "_id"
}

func isNumber(name string) bool {
	_, err := strconv.ParseUint(name, 10, 32)
	return err == nil
}

// onlyParts reports whether all that an object names are parts of the request.
func onlyParts(o object) bool {
	for name := range o {
		if !requestParts[normal(name)] {
			return false
		}
	}
	return len(o) > 0
}

// nature is what an object that might be one by field is like.
type nature struct {
	says  bool // it has a text that no field is called like, and nothing that could be a field's
	holds bool // it has a list of what is wrong
	names bool // it names a field and says something
}

func natureOf(o object) (n nature) {
	var speaks, other bool
	for name, value := range o {
		known := lookUp(name)
		switch value := value.(type) {
		case string:
			n.says = n.says || known.may(core) && value != ""
			speaks = speaks || known.may(text|heading|code) && value != ""
			n.names = n.names || known.may(field) && value != "" && !strings.Contains(value, " ")
			other = other || known.roles == 0 && isSentence(value)
		case []any:
			n.says = n.says || known.may(core) && !known.may(list) && isTexts(value)
			if known.may(fields) && isNames(value) && allKnown(o) {
				n.names, speaks = true, true
			}
			n.holds = n.holds || len(value) > 0 && holdsErrors(name, known, isTexts(value), o)
			other = other || known.roles == 0 && len(value) > 0
		case object:
			n.holds = n.holds || len(value) > 0 && holdsErrors(name, known, false, o)
			other = other || known.roles == 0 && len(value) > 0
		}
	}
	n.says, n.names = n.says && !other, n.names && speaks
	return n
}

// isError reports whether an object that might be one by field is an error itself.
func isError(o object) bool {
	n := natureOf(o)
	return n.says || n.holds || n.names
}

// holdsErrors reports whether a list or an object under this name is what is wrong with something. A list of texts may be a
// field's, unless the name says that it is of errors.
func holdsErrors(name string, known word, texts bool, beside object) bool {
	general := isGeneral(name, known)
	name = normal(name)
	if !known.may(list|wrapper) || general || onlyParts(beside) || isBranch(name) && !isTree(beside) {
		return false
	}
	return !known.may(text|heading) && !texts || name == "error" || strings.HasSuffix(name, "errors") || strings.HasSuffix(name, "violations")
}

// allKnown reports whether the table knows all names of an object: none of them is a field's.
func allKnown(o object) bool {
	for name := range o {
		if lookUp(name).roles == 0 {
			return false
		}
	}
	return true
}

// isLeaf reports whether the object under a field's name says what is wrong with the field, and not with fields in it.
func isLeaf(o object) bool { return isError(o) || speaks(o) }

// speaks reports whether an object has a text or a code, and nothing else but what errors say of themselves.
func speaks(o object) bool {
	speaks := false
	for name, value := range o {
		known := lookUp(name)
		said, ok := value.(string)
		speaks = speaks || ok && said != "" && known.may(text|heading|code)
		if texts, ok := value.([]any); known.roles == 0 || ok && isTexts(texts) {
			return false
		}
	}
	return speaks
}

// isBranch tells the names between a tree of errors and its branches: {"errors": […], "properties": {…}, "items": […]}.
func isBranch(name string) bool { return name == "properties" || name == "items" }

// isTree reports whether an object has a list of errors beside its branches.
func isTree(o object) bool {
	_, ok := o["errors"].([]any)
	return ok
}

// isTexts reports whether a list holds texts and nothing else.
func isTexts(list []any) bool {
	for _, element := range list {
		if _, ok := element.(string); !ok {
			return false
		}
	}
	return len(list) > 0
}

// isNames reports whether a list holds texts that may be names: none of them is a sentence.
func isNames(list []any) bool {
	for _, element := range list {
		if s, ok := element.(string); !ok || isSentence(s) {
			return false
		}
	}
	return len(list) > 0
}

// isEntries reports whether a list, whatever its name, holds objects that each name a field and say something.
func isEntries(list []any) bool {
	for _, element := range list {
		o, ok := element.(object)
		names, says := false, false
		for name, value := range o {
			known := lookUp(name)
			said, isText := value.(string)
			names = names || known.may(field) && isText && said != ""
			says = says || known.may(core) && isText && said != ""
		}
		if !ok || !names || !says {
			return false
		}
	}
	return len(list) > 0
}

// isByField reports whether an object under a name that does not say so is one by field: everything in it that could be a
// field's is a list of texts, an error, or again such an object. What could be a field's is all but what errors say of
// themselves.
func isByField(o object, how reading, steps *int) bool {
	if *steps -= len(o); *steps < 0 {
		return false
	}
	found, parts := false, onlyParts(o)
	for name, value := range o {
		known := lookUp(name)
		ok := true
		switch value := value.(type) {
		case string:
			if known.may(core) && value != "" {
				return false // it says something as a whole
			}
			takes := how.takes(known, value)
			ok = known.roles != 0 || takes
			found = found || takes
		case json.Number, bool:
			ok = known.roles != 0
		case []any:
			if known.may(own) || len(value) == 0 || !how.takes(known, value) {
				break
			}
			ok = !known.may(list|wrapper) || known.may(general) || isBranch(normal(name))
			for _, element := range value {
				inner, isObject := element.(object)
				_, isText := element.(string)
				ok = ok && (isText || isObject && !known.may(holder) && (len(inner) == 0 || isLeaf(inner) || isByField(inner, how, steps)))
				found = found || ok && (isText || len(inner) > 0)
			}
		case object:
			if known.may(own|echo) || len(value) == 0 {
				break
			}
			n := natureOf(value)
			ok = (parts || !known.may(list|wrapper|holder)) && !n.holds && !n.names && (n.says || speaks(value) || isByField(value, how, steps))
			found = found || ok
		}
		if !ok {
			return false
		}
	}
	return found
}

// keep takes over from details what programs read (a balance, a limit): what is no field's text is no reason to lose it.
func (w *walk) keep(o object) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		key := cleanField(name)
		w.hidden = w.hidden || key == ""
		if key == "" || lookUp(name).roles != 0 || len(w.details) == maxDetails {
			continue
		}
		switch o[name].(type) {
		case string, json.Number, bool:
			if w.details == nil {
				w.details = make(map[string]any)
			}
			w.details[key] = w.clean(o[name], 0)
		}
	}
}

// maxDepth is how deep details of an envelope may be nested.
const maxDepth = 8

// clean is a copy of an envelope's details, within the bounds and without what must not be shown.
func (w *walk) clean(v any, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case string:
		if s := w.show(v); s != "" || v == "" {
			return s
		}
		return refusal.CodeInvalid.Message()
	case []any:
		list := make([]any, 0, min(len(v), maxDetails))
		for _, element := range v[:min(len(v), maxDetails)] {
			list = append(list, w.clean(element, depth+1))
		}
		return list
	case object:
		clean := make(object, min(len(v), maxDetails))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			key := cleanField(name)
			w.hidden = w.hidden || key == "" && name != ""
			if key != "" && len(clean) < maxDetails {
				clean[key] = w.clean(v[name], depth+1)
			}
		}
		return clean
	}
	return v
}
