package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The codes that a refusal by policy may have.
const (
	Forbidden       = "FORBIDDEN"
	NotFound        = "NOT_FOUND"
	ValidationError = "VALIDATION_ERROR"
)

var codes = []string{Forbidden, NotFound, ValidationError}

// Errors of a decision. None of them is an answer: the gateway says 500 INTERNAL_ERROR and lets nobody through.
var (
	// ErrUndefined means that data.tollgate.decision has no value for the input.
	ErrUndefined = errors.New("the policy decision is undefined")
	// ErrMalformed means that the decision, or a refusal it is made of, does not have the form that the gateway takes.
	ErrMalformed = errors.New("the policy decision is malformed")
	// ErrLate means that the decision took longer than Options.Timeout.
	ErrLate = errors.New("the policy decision took longer than policy_timeout")
)

// Decision is what the policies say about one request. It may be shared with other requests: nobody changes Details
// or MissingScopes.
type Decision struct {
	// Allow lets the request pass; Code, Message, Details and MissingScopes are then empty.
	Allow bool
	// Code is Forbidden, NotFound or ValidationError.
	Code string
	// Message is the policy's text for the caller. It may hold any characters, invalid UTF-8 too.
	Message string
	// Details explain the refusal as JSON values (numbers are json.Number); nil where there are none.
	Details map[string]any
	// MissingScopes are details.missing_scopes of a FORBIDDEN, if all of them may stand in the scope attribute of a
	// WWW-Authenticate challenge (RFC 6750, section 3); else nil.
	MissingScopes []string
	// File and Line are where the rule stands whose message the refusal has: the first where several say the same. File is
	// as the policies were read, and begins with "embedded:" for the gateway's own; it is empty where no rule was found, and
	// for large requests where only a second evaluation would find it.
	File string
	Line int
	// Remembered tells that an earlier request with an equal input got this decision.
	Remembered bool
	// Generation is the number of the policies that decided, counted from 1 for each Engine.
	Generation uint64
}

// decode reads the value of data.tollgate.decision. Anything but exactly {"allow": true} or {"allow": false, "code",
// "message", "details"} is ErrMalformed.
func decode(value ast.Value) (Decision, error) {
	object, ok := value.(ast.Object)
	if !ok {
		return Decision{}, fmt.Errorf("%w: it is %s, not an object", ErrMalformed, ast.ValueName(value))
	}
	if malformed, found := get[ast.Set](object, "malformed"); found {
		return Decision{}, fmt.Errorf("%w: a refusal does not have the form {code, message, details}: %s", ErrMalformed, shapes(malformed))
	}
	allow, ok := get[ast.Boolean](object, "allow")
	switch {
	case !ok:
		return Decision{}, fmt.Errorf("%w: allow is missing or is not a boolean", ErrMalformed)
	case bool(allow) && object.Len() != 1:
		return Decision{}, fmt.Errorf("%w: allow is true, yet there is more than that", ErrMalformed)
	case bool(allow):
		return Decision{Allow: true}, nil
	case object.Len() != 4:
		return Decision{}, fmt.Errorf("%w: a refusal has allow, code, message and details, nothing else", ErrMalformed)
	}
	return decodeRefusal(object)
}

func decodeRefusal(object ast.Object) (Decision, error) {
	bad := func(why string) (Decision, error) { return Decision{}, fmt.Errorf("%w: %s", ErrMalformed, why) }
	code, hasCode := get[ast.String](object, "code")
	message, hasMessage := get[ast.String](object, "message")
	details := object.Get(ast.InternedTerm("details"))
	switch {
	case !hasCode || !hasMessage:
		return bad("code or message is missing or is not a string")
	case !slices.Contains(codes, string(code)):
		return bad("code " + clip(code.String()) + " is not one of " + strings.Join(codes, ", "))
	case details == nil:
		return bad("details are missing")
	}
	d := Decision{Code: string(code), Message: string(message)}
	plain, err := plainJSON(details.Value)
	if err != nil {
		return bad("details: " + err.Error())
	}
	var isObject bool
	if d.Details, isObject = plain.(map[string]any); !isObject && plain != nil {
		return bad("details are " + ast.ValueName(details.Value) + ", not an object or null")
	}
	if d.Code == Forbidden {
		d.MissingScopes = challengeScopes(d.Details["missing_scopes"])
	}
	return d, nil
}

// shapes tells how refusals look without telling what they say: that may be a caller's text, and this goes into logs.
func shapes(refusals ast.Set) string {
	var told []string
	refusals.Foreach(func(refusal *ast.Term) {
		shape := ast.ValueName(refusal.Value)
		if object, ok := refusal.Value.(ast.Object); ok {
			var fields []string
			object.Foreach(func(name, value *ast.Term) {
				kind := ast.ValueName(value.Value)
				if name.Equal(ast.InternedTerm("code")) {
					kind = value.String()
				}
				fields = append(fields, name.String()+": "+kind)
			})
			shape = "{" + strings.Join(fields, ", ") + "}"
		}
		told = append(told, shape)
	})
	return clip(strings.Join(told, ", "))
}

// get is the field of that name, if it is there and of that type.
func get[T ast.Value](object ast.Object, name string) (value T, ok bool) {
	if term := object.Get(ast.StringTerm(name)); term != nil {
		value, ok = term.Value.(T)
	}
	return value, ok
}

// plainJSON turns a value into JSON's Go types; sets become sorted arrays. A key that is not a string is an error.
func plainJSON(value ast.Value) (any, error) {
	switch value := value.(type) {
	case ast.Null:
		return nil, nil
	case ast.Boolean:
		return bool(value), nil
	case ast.String:
		return string(value), nil
	case ast.Number:
		return json.Number(value), nil
	case *ast.Array:
		return plainList(value.Len(), value.Foreach)
	case ast.Set:
		return plainList(value.Len(), value.Foreach)
	case ast.Object:
		fields := make(map[string]any, value.Len())
		return fields, value.Iter(func(name, field *ast.Term) error {
			key, ok := name.Value.(ast.String)
			if !ok {
				return fmt.Errorf("key %s is not a string", clip(name.String()))
			}
			plain, err := plainJSON(field.Value)
			fields[string(key)] = plain
			return err
		})
	}
	return nil, fmt.Errorf("%s has no form in JSON", ast.ValueName(value))
}

func plainList(length int, foreach func(func(*ast.Term))) (list []any, err error) {
	list = make([]any, 0, length)
	foreach(func(term *ast.Term) {
		plain, bad := plainJSON(term.Value)
		if bad != nil {
			err = bad
		}
		list = append(list, plain)
	})
	return list, err
}

// challengeScopes gives the scopes of a list, or nil if one of them may not stand in a header: policies may put the
// caller's text into details.
func challengeScopes(list any) []string {
	items, _ := list.([]any)
	if len(items) == 0 {
		return nil
	}
	scopes := make([]string, len(items))
	for i, item := range items {
		scope, ok := item.(string)
		if !ok || !isScopeToken(scope) {
			return nil
		}
		scopes[i] = scope
	}
	return scopes
}

// isScopeToken follows RFC 6749, section 3.3: printable ASCII without the space, the quote and the backslash.
func isScopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// clip bounds text that comes from policies before it goes into a log.
func clip(s string) string {
	const longest = 200
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
