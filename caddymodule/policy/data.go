package policy

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/util"
)

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
		if err == nil {
			err = merge(all, document, "data")
		}
		if _, taken := all[reserved]; err == nil && taken {
			err = errors.New("data.tollgate is the gateway's own: choose another name")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return all, nil
}

func (f *file) document() (map[string]any, error) {
	var content any
	unmarshal := util.Unmarshal
	if extension(f.name) == ".json" {
		unmarshal = util.UnmarshalJSON
	}
	if err := unmarshal(f.text, &content); err != nil {
		return nil, err
	}
	object, ok := content.(map[string]any)
	if !ok {
		return nil, errors.New("the data is not an object at its top level")
	}
	for i := len(f.root) - 1; i >= 0; i-- {
		object = map[string]any{f.root[i]: object}
	}
	return object, nil
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
			return fmt.Errorf("%s.%s is said by another file already", at, name)
		}
		if err := merge(a, b, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}
