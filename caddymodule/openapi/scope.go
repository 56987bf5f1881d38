package openapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Naming is what a scope of a document is called in keys and policies.
type Naming struct {
	// Scope is the document's.
	Scope string `json:"scope"`
	// Key is that of keys: a dotted name. A segment ":name" stands for the parameter of that name.
	Key string `json:"key"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// Check says what is wrong with it.
func (n *Naming) Check() error {
	if n.Scope == "" {
		return errors.New("the scope of the document is empty: write it and that of keys, such as write:pets pets.write")
	}
	if strings.Contains(n.Key, "*") {
		return fmt.Errorf("scope %q: '*' is for the scopes of a key: an operation names what it needs", n.Key)
	}
	_, err := record.ParseScope(strings.TrimPrefix(strings.ReplaceAll(n.Key, ".:", "."), ":"))
	return err
}

// scopeNames are what the scopes of a document are called in keys.
type scopeNames struct {
	written map[string]*Naming // by the document's
	used    map[*Naming]bool
	is      map[string]string // by the document's, those that nobody named
	taken   map[string]string // the document's, by what it is called, unless somebody named it
}

func (n *scopeNames) read(list []Naming) error {
	n.written, n.used, n.is, n.taken = map[string]*Naming{}, map[*Naming]bool{}, map[string]string{}, map[string]string{}
	for i := range list {
		err := list[i].Check()
		if err == nil && n.written[list[i].Scope] != nil {
			err = fmt.Errorf("scope %q is named twice: keep one of them", list[i].Scope)
		}
		if err != nil {
			return located(list[i].Source, err)
		}
		n.written[list[i].Scope] = &list[i]
	}
	return nil
}

// scope reads a scope of the document: what it is called in keys. Two of them never become one, unless the site says so.
func (n *scopeNames) scope(at place) (string, error) {
	scope, err := at.text()
	if err != nil {
		return "", err
	}
	if written := n.written[scope]; written != nil {
		n.used[written] = true
		return written.Key, nil
	}
	if i := strings.IndexFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }); i >= 0 || scope == "" {
		return "", at.errorf("scope %q is not one (RFC 6749, section 3.3): correct it, or name that of keys by 'scope %q <scope>' in the block of openapi", scope, scope)
	}
	is := dotted(scope)
	if other, taken := n.taken[is]; taken && other != scope {
		return "", at.errorf("scope %q would be %s in keys, as %q is: name one of them otherwise by 'scope %s <scope>' in the block of openapi", scope, is, other, scope)
	}
	if n.taken[is] = scope; is != scope {
		n.is[scope] = is
	}
	return is, nil
}

// dotted is what a scope of another style is called: "write:pets" is "write.pets". A segment that begins with a colon stands for a
// parameter, as it does in a route.
func dotted(scope string) string {
	if at := strings.LastIndex(scope, "://"); at >= 0 {
		scope = scope[at+3:]
	}
	segments := strings.Split(scope, ".")
	for i, segment := range segments {
		name, isParameter := strings.CutPrefix(segment, ":")
		name = strings.Map(func(r rune) rune {
			switch {
			case r == ':' || r == '/':
				return '.'
			case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '*': // which is refused
				return r
			}
			return '_'
		}, name)
		name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '.' }), ".")
		if segments[i] = name; isParameter {
			segments[i] = ":" + name
		}
	}
	return strings.Join(segments, ".")
}

// warning tells which scopes are called otherwise than in the document; "": none.
func (n *scopeNames) warning() string {
	const most = 5
	var words []string
	for _, scope := range slices.Sorted(maps.Keys(n.is)) {
		if len(words) == most {
			words = append(words, fmt.Sprintf("%d others ('tollgate routes' shows all)", len(n.is)-most))
			break
		}
		words = append(words, scope+" is "+n.is[scope])
	}
	if len(words) == 0 {
		return ""
	}
	return "scopes of the document that are not dotted names are called otherwise in keys: " + strings.Join(words, ", ") + "; 'scope <document's> <key's>' in the block of openapi names them as you like"
}
