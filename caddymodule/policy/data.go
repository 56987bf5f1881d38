package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
)

// maxDataDepth is how deep the arrays and objects of a data file may lie in each other.
const maxDataDepth = 1000

// documents merges the data files into one tree: each lies below the folders that hold it, as with opa test. Two files
// that say something about the same name are an error, and so is data that would answer for a package of ours.
func documents(files []file) (map[string]any, error) {
	all := map[string]any{}
	for i := range files {
		f := &files[i]
		if f.isPolicy() {
			continue
		}
		document, err := f.document()
		if err != nil {
			return nil, err
		}
		err = merge(all, document, "data")
		if _, taken := all[reserved]; err == nil && taken {
			err = errors.New("data.tollgate is the gateway's own: choose another name")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return all, nil
}

// document is what a data file says. Parsers let the last of two equal names win; here they are an error, since one of two
// lists would be obeyed and nobody knew which.
func (f *file) document() (map[string]any, error) {
	var content any
	if extension(f.name) == ".json" {
		if line, err := checkJSON(f.text); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", f.name, line, err)
		}
	} else if err := yaml.Unmarshal(f.text, &content); err != nil { // it refuses equal names, and tells the line
		return nil, fmt.Errorf("%s: %s", f.name, strings.Join(strings.Fields(err.Error()), " "))
	}
	if err := util.Unmarshal(f.text, &content); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	object, ok := content.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the data is not an object at its top level", f.name)
	}
	for i := len(f.root) - 1; i >= 0; i-- {
		object = map[string]any{f.root[i]: object}
	}
	if f.within != nil {
		if err := f.within.checkData(object, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return object, nil
}

// checkJSON is the error, with its line, of text that is not JSON or has a name twice in one object.
func checkJSON(text []byte) (line int, err error) {
	_, err = strictjson.Reader{MaxDepth: maxDataDepth}.Read(text)
	wrong, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return 0, err
	}
	switch {
	case errors.Is(wrong, strictjson.ErrDuplicate):
		err = fmt.Errorf("the name %q stands in one object twice: keep one", clip(wrong.Name))
	case errors.Is(wrong, strictjson.ErrDepth):
		err = fmt.Errorf("it has more than %d arrays and objects within each other", maxDataDepth)
	}
	return 1 + bytes.Count(text[:wrong.Offset], []byte("\n")), err
}

func merge(into, from map[string]any, at string) error {
	for name, value := range from {
		earlier, found := into[name]
		if !found {
			into[name] = value
			continue
		}
		a, ok := earlier.(map[string]any)
		b, both := value.(map[string]any)
		if !ok || !both {
			return fmt.Errorf("%s.%s is defined by another file already", at, name)
		}
		if err := merge(a, b, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}
