package envelope

import (
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// shapes are the error bodies we know, one small reader each. All of them look at a body, in this order: what one has
// said, a later one does not replace.
var shapes = []func(*finding, object){
	metaErrors,   // Konecty's ndjson: {"_meta": {"errors": […]}}
	errorObject,  // {"error": {"message", "details" | "issues" | "errors"}}: our own envelope, Stripe, Zod, Google
	errorEntries, // {"errors": […]}, {"errors": {field: […]}}, {"detail": [{"loc", "msg"}]}, {"details": […]}
	namedParams,  // {"invalid-params": [{"name", "reason"}]}: RFC 7807
	plainMessage, // {"message"}, {"detail"}, {"title"}, {"error": "…", "error_description"}: problem+json, Spring, OAuth
	fieldMap,     // {field: ["…"]}: Django
}

// read finds message and fields in a JSON value.
func (f *finding) read(value any) {
	switch value := value.(type) {
	case object:
		for _, shape := range shapes {
			shape(f, value)
		}
	case []any:
		f.tree(value, "")
	case string:
		f.say(value)
	}
}

func metaErrors(f *finding, o object) {
	if meta, ok := o["_meta"].(object); ok {
		errorEntries(f, meta)
		plainMessage(f, meta)
	}
}

func errorObject(f *finding, o object) {
	e, ok := o["error"].(object)
	if !ok {
		return
	}
	if details, ok := e["details"].(object); ok {
		f.details = cleanDetails(details)
	}
	message := messageOf(e)
	if field := fieldOf(e); field != "" {
		f.add(field, message)
	}
	f.say(message)
	for _, member := range []string{"issues", "errors", "details"} {
		switch v := e[member].(type) {
		case []any:
			f.tree(v, "")
		case object:
			if member != "details" {
				f.fieldsOf(v, "")
			}
		}
	}
}

func errorEntries(f *finding, o object) {
	for _, member := range []string{"errors", "issues", "detail", "details"} {
		switch v := o[member].(type) {
		case []any:
			f.tree(v, "")
		case object:
			f.fieldsOf(v, "")
		}
	}
}

// namedParams reads the extension member that RFC 7807 gives as an example.
func namedParams(f *finding, o object) {
	for _, member := range []string{"invalid-params", "invalidParams", "invalid_params"} {
		list, _ := o[member].([]any)
		for _, element := range list {
			if param, ok := element.(object); ok {
				f.add(dotted(param["name"]), messageOf(param))
			}
		}
	}
}

func plainMessage(f *finding, o object) {
	if list, ok := o["message"].([]any); ok { // NestJS
		f.tree(list, "")
		return
	}
	f.say(messageOf(o))
}

// fieldMap takes an object for names of fields only if nothing else was found and all of it is lists of texts.
func fieldMap(f *finding, o object) {
	if f.message == "" && len(f.entries) == 0 && f.details == nil && onlyLists(o) {
		f.fieldsOf(o, "")
	}
}

// onlyLists reports whether all leaves of v are texts in lists.
func onlyLists(v any) bool {
	switch v := v.(type) {
	case object:
		for _, member := range v {
			if !onlyLists(member) {
				return false
			}
		}
		return true
	case []any:
		for _, element := range v {
			if _, text := element.(string); !text && !onlyLists(element) {
				return false
			}
		}
		return true
	}
	return false
}

// notFields are the names under which frameworks put what is about no field, or entries that name theirs themselves:
// Django, Zod, Rails, Google.
var notFields = []string{"non_field_errors", "_errors", "base", "fieldViolations"}

// fieldsOf takes the members of an object for names of fields.
func (f *finding) fieldsOf(o object, prefix string) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch {
		case slices.Contains(notFields, name):
			f.tree(o[name], prefix)
		case strings.HasPrefix(name, "@"): // "@type": what the object is, not what is wrong
		default:
			f.tree(o[name], join(prefix, dotted(name)))
		}
	}
}

// tree takes everything that is said below v about a field, or about whatever the entries themselves name.
func (f *finding) tree(v any, field string) {
	switch v := v.(type) {
	case string:
		f.add(field, v)
	case []any:
		for i, element := range v {
			if o, ok := element.(object); ok && field != "" && messageOf(o) == "" {
				f.fieldsOf(o, join(field, strconv.Itoa(i)))
				continue
			}
			f.tree(element, field)
		}
	case object:
		message, own := messageOf(v), ""
		if field == "" {
			own = fieldOf(v)
			field = own
		}
		switch {
		case message != "":
			f.add(field, message)
		case own != "":
			f.silent(v, own)
		default:
			f.fieldsOf(v, field)
		}
	}
}

// silent takes an entry that names its field and has no message for people: what is wrong with it is said by constraints
// (class-validator) or by a code (GitHub), and of the fields inside it by its children.
func (f *finding) silent(entry object, field string) {
	constraints, _ := entry["constraints"].(object)
	for _, name := range slices.Sorted(maps.Keys(constraints)) {
		f.tree(constraints[name], field)
	}
	children, _ := entry["children"].([]any)
	for _, child := range children {
		if child, ok := child.(object); ok {
			f.silent(child, join(field, fieldOf(child)))
		}
	}
	if len(constraints) == 0 && len(children) == 0 {
		code, _ := entry["code"].(string)
		f.add(field, code)
	}
}

// join appends a name to a dotted one. One that is too long already is no field's: it must not grow with every level.
func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	if len(prefix) > maxField {
		return prefix
	}
	return prefix + "." + name
}

// messageMembers are the names of texts for people, the most telling first.
var messageMembers = []string{
	"message", "Message", "detail", "msg", "error_description", "error_message", "description", "defaultMessage", "reason", "title", "error",
}

// messageOf is the text of an error or of one of its entries; "": it has none.
func messageOf(o object) string {
	for _, member := range messageMembers {
		if s, ok := o[member].(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// maxDepth is how deep details of an envelope may be nested, maxNesting any body that is read.
const (
	maxDepth   = 8
	maxNesting = 64
)

// cleanDetails is a copy of an envelope's details, within the bounds and without what must not be shown.
func cleanDetails(details object) object {
	clean, _ := cleanValue(details, 0).(object)
	return clean
}

func cleanValue(v any, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case string:
		if s, ok := show(v); ok {
			return s
		}
		return refusal.CodeInvalid.Message()
	case []any:
		list := make([]any, 0, min(len(v), maxDetails))
		for _, element := range v[:min(len(v), maxDetails)] {
			list = append(list, cleanValue(element, depth+1))
		}
		return list
	case object:
		clean := make(object, min(len(v), maxDetails))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if key := cleanField(name); key != "" && len(clean) < maxDetails {
				clean[key] = cleanValue(v[name], depth+1)
			}
		}
		return clean
	}
	return v
}
