package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// check refuses what two readers could understand differently, and what no record has.
func (r *reader) check(kind string, line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("it is not valid UTF-8")
	}
	value, err := strictjson.Reader{MaxDepth: maxDepth}.Read(line)
	if err != nil {
		return err
	}
	members := value.(map[string]any) // of the kind, so an object
	if err := known(kind, members); err != nil {
		return err
	}
	secrets, _ := members["secrets"].([]any) // the decoder refuses another type
	for _, secret := range secrets {
		if of, ok := secret.(map[string]any); ok {
			if err := known("secret", of); err != nil {
				return err
			}
		}
	}
	return nil
}

// known sees that an object has the kind's members only, in their own letter case, and a value for each.
func known(kind string, members map[string]any) error {
	for name, value := range members {
		switch {
		case !memberNames[kind][name]:
			return fmt.Errorf("a %s has no %q", kind, name)
		case value == nil:
			return fmt.Errorf("%q has no value", name)
		}
	}
	return nil
}

// memberNames are the members that an object of each kind may have.
var memberNames = map[string]map[string]bool{
	"header": membersOf[headerLine](), "workspace": membersOf[workspaceLine](), "key": membersOf[keyLine](),
	"secret": membersOf[secretLine](), "event": membersOf[eventLine](), "end": membersOf[trailerLine](),
}

func membersOf[T any]() map[string]bool {
	names := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names[name] = true
		}
	}
	return names
}

func about(what, id string, err error) error {
	if record.CheckID(id) != nil {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, id, err)
}

// decode reads a line, numbers as they were written.
func decode(line []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	err := decoder.Decode(to)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the value of %q is not of its type: it is a %s", wrong.Field, wrong.Value)
	}
	return err
}
