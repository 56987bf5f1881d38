package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v3"
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

// checkJSON is the error, with its line, of text that is no JSON or has a name twice in one object.
func checkJSON(text []byte) (line int, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err = checkValue(decoder, 0); err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return 0, nil
		}
		err = errors.New("something follows the value")
	}
	at := decoder.InputOffset()
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = wrong.Offset
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		at, err = int64(len(text)), io.ErrUnexpectedEOF
	}
	return 1 + bytes.Count(text[:min(at, int64(len(text)))], []byte("\n")), err
}

// checkValue reads one value and all within it.
func checkValue(decoder *json.Decoder, depth int) error {
	if depth > maxDataDepth {
		return fmt.Errorf("it has more than %d arrays and objects within each other", maxDataDepth)
	}
	token, err := decoder.Token()
	opened, _ := token.(json.Delim)
	if err != nil || opened == 0 {
		return err
	}
	names := map[string]bool{}
	for decoder.More() {
		if opened == '{' {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string)
			if names[name] {
				return fmt.Errorf("the name %q stands in one object twice: keep one", clip(name))
			}
			names[name] = true
		}
		if err := checkValue(decoder, depth+1); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
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
