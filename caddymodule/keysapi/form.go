package keysapi

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// form is a JSON object that is read field by field, each once. What is wrong is gathered, so that the caller learns all of
// it at once.
type form struct {
	fields map[string]any // those not yet read
	known  []string       // those that were asked for
	wrong  map[string]any
}

// readForm reads the body. Optional: no body at all stands for an empty object.
func (x *exchange) readForm(optional bool) (*form, error) {
	body, refused := x.Body()
	if refused != nil {
		return nil, refused
	}
	if optional && len(body) == 0 {
		body = []byte("{}")
	}
	value, err := jsonbody.Parse(body)
	if twice, ok := errors.AsType[*strictjson.Error](err); ok && twice.Depth == 1 {
		return nil, invalid(map[string]any{twice.Name: "is given twice"})
	}
	if err != nil {
		return nil, malformed(err.Error())
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("the body is not a JSON object")
	}
	return &form{fields: fields, wrong: map[string]any{}}, nil
}

// read takes a field out of the form; nil: it is not given, or wrong.
func read[T any](f *form, name string, parse func(any) (T, error)) *T {
	f.known = append(f.known, name)
	value, given := f.fields[name]
	if !given {
		return nil
	}
	delete(f.fields, name)
	parsed, err := parse(value)
	if err != nil {
		f.wrong[name] = err.Error()
		return nil
	}
	return &parsed
}

// done refuses the form if anything in it was wrong or is left. Of names that nobody knows it says no more than there is
// room for beside the known.
func (f *form) done() error {
	for n, name := range slices.Sorted(maps.Keys(f.fields)) {
		if len(f.wrong) >= mostDetails-1 && n < len(f.fields)-1 {
			f.wrong[more] = fmt.Sprintf("%d more fields are not known here", len(f.fields)-n)
			break
		}
		f.wrong[name] = "is not known here: write one of " + strings.Join(f.known, ", ")
	}
	if len(f.wrong) > 0 {
		return invalid(f.wrong)
	}
	return nil
}

// terms are the fields of a key that a request may give. A nil one is not given.
type terms struct {
	name     *string
	scopes   *[]record.Scope
	networks *[]netip.Prefix
	limits   *[]record.Window
	expires  *time.Time
	disabled *bool
}

func (x *exchange) readTerms(f *form) terms {
	return terms{
		name:     read(f, "name", parseName),
		scopes:   read(f, "scopes", parseScopes),
		networks: read(f, "allowed_ips", parseNetworks),
		limits:   read(f, "limits", parseWindows),
		expires:  read(f, "expires_at", x.parseExpiry),
	}
}

// apply puts what is given into a key.
func (t *terms) apply(k *record.Key) {
	set(&k.Name, t.name)
	set(&k.Scopes, t.scopes)
	set(&k.AllowedIPs, t.networks)
	set(&k.Limits, t.limits)
	set(&k.ExpiresAt, t.expires)
	set(&k.Disabled, t.disabled)
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

func parseText(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", errors.New("must be a string")
	}
	return text, nil
}

func parseName(value any) (string, error) {
	name, err := parseText(value)
	if err == nil && name != "" {
		err = record.CheckName(name)
	}
	return name, err
}

func parseID(value any) (string, error) {
	id, err := parseText(value)
	if err == nil {
		err = record.CheckID(id)
	}
	return id, err
}

func parseTexts(value any) ([]string, error) {
	list, ok := value.([]any)
	texts := make([]string, len(list))
	for i := 0; ok && i < len(list); i++ {
		texts[i], ok = list[i].(string)
	}
	if !ok {
		return nil, errors.New("must be a list of strings")
	}
	return texts, nil
}

func parseScopes(value any) ([]record.Scope, error) {
	texts, err := parseTexts(value)
	if err != nil {
		return nil, err
	}
	scopes, err := record.ParseScopes(texts)
	if err == nil {
		err = keystore.CheckKey(&record.Key{ID: "any", Scopes: scopes})
	}
	return scopes, err
}

func parseScope(value any) (record.Scope, error) {
	text, err := parseText(value)
	if err != nil {
		return "", err
	}
	return record.ParseScope(text)
}

func parseNetworks(value any) ([]netip.Prefix, error) {
	texts, err := parseTexts(value)
	if err != nil {
		return nil, err
	}
	networks, err := record.ParseNetworks(texts)
	if err == nil {
		err = keystore.CheckKey(&record.Key{ID: "any", AllowedIPs: networks})
	}
	return networks, err
}

func parseWindows(value any) ([]record.Window, error) {
	texts, err := parseTexts(value)
	if err != nil {
		return nil, err
	}
	return record.ParseKeyWindows(texts)
}

// parseExpiry reads a time that is yet to come, or null for never.
func (x *exchange) parseExpiry(value any) (time.Time, error) {
	if value == nil {
		return time.Time{}, nil
	}
	text, ok := value.(string)
	if !ok {
		return time.Time{}, errors.New("must be a time in RFC 3339, such as 2027-01-01T00:00:00Z, or null")
	}
	expires, err := keystore.ParseTime(text)
	if err == nil {
		err = keystore.CheckKey(&record.Key{ID: "any", ExpiresAt: expires})
	}
	if err == nil {
		err = keystore.CheckExpiry(expires, x.Now())
	}
	return expires, err
}

func parseFlag(value any) (bool, error) {
	flag, ok := value.(bool)
	if !ok {
		return false, errors.New("must be true or false")
	}
	return flag, nil
}

func parseGrace(value any) (time.Duration, error) {
	text, ok := value.(string)
	if !ok {
		return 0, errors.New("must be a duration, such as 24h or 7d")
	}
	return record.ParseDuration(text)
}

// parseLimit reads how many keys a page shall have.
func parseLimit(value any) (int, error) {
	limit, err := strconv.Atoi(value.(string))
	if err != nil || limit < 1 || limit > maxPage {
		return 0, fmt.Errorf("must be a whole number from 1 to %d", maxPage)
	}
	return limit, nil
}

// readWhose reads whose things are asked for: the caller's where nothing is said, or, as "", everybody's, for who reaches them.
func (x *exchange) readWhose(f *form) (workspace string) {
	if f.fields["workspace"] == "*" && x.reach == everywhere {
		f.known = append(f.known, "workspace")
		delete(f.fields, "workspace")
		return ""
	}
	workspace = x.Caller.Workspace.ID
	set(&workspace, read(f, "workspace", parseID))
	return workspace
}

// readQuery reads the parameters of a query as a form: each may be given once.
func readQuery(raw string) (*form, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalid(map[string]any{"query": "is not well formed"})
	}
	f := &form{fields: map[string]any{}, wrong: map[string]any{}}
	for name, given := range values {
		if len(given) > 1 {
			f.wrong[name] = "is given twice"
			continue
		}
		f.fields[name] = given[0]
	}
	return f, nil
}
