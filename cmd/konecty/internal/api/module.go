package api

import (
	"encoding/json"
	"maps"
	"slices"
)

// Module is a document type with its fields.
type Module struct {
	Document string  `json:"document"`
	Label    string  `json:"label"`
	Fields   []Field `json:"fields"`
}

// Field is one field of a module. What the server leaves out is not known: no bound, not required.
type Field struct {
	Name, Type, Label  string
	IsList, IsRequired bool
	// Options are the keys of a picklist; their labels may be texts or texts by language.
	Options map[string]any
	// MaxSelected above 1 makes a picklist's value a list.
	MinSelected, MaxSelected int
	// MinValue and MaxValue bound numbers where they are numbers.
	MinValue, MaxValue any
	// Document is what a lookup points to.
	Document string
	// DefaultValue stands where nothing is sent.
	DefaultValue any

	raw json.RawMessage
}

// UnmarshalJSON reads a field and keeps it as it came, with what this client does not know.
func (f *Field) UnmarshalJSON(text []byte) error {
	type plain Field
	if err := json.Unmarshal(text, (*plain)(f)); err != nil {
		return err
	}
	f.raw = slices.Clone(text)
	return nil
}

// MarshalJSON gives the field as it came.
func (f Field) MarshalJSON() ([]byte, error) { return f.raw, nil }

// Keys are the keys of a picklist, in order.
func (f *Field) Keys() []string { return slices.Sorted(maps.Keys(f.Options)) }

// IsLookup reports whether the field names a record of another document.
func (f *Field) IsLookup() bool { return f.Type == "lookup" || f.Type == "inheritLookup" }

// Field finds a field by name; nil if there is none.
func (m *Module) Field(name string) *Field {
	for i := range m.Fields {
		if m.Fields[i].Name == name {
			return &m.Fields[i]
		}
	}
	return nil
}
