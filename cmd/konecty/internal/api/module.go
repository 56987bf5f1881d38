package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Module is a document type with its fields.
type Module struct {
	Document string  `json:"document"`
	Label    string  `json:"label"`
	Fields   []Field `json:"fields"`
	// ReverseLookups are the fields of other modules that point to this one.
	ReverseLookups []ReverseLookup `json:"reverseLookups"`
	// Complete tells that the server has said what the fields require. Without that nothing is known of it.
	Complete bool `json:"complete"`
}

// ReverseLookup is a field of another document.
type ReverseLookup struct {
	Document string `json:"document"`
	Lookup   string `json:"lookup"`
}

// Field is one field of a module. What the server leaves out is not known: no bound, not required.
type Field struct {
	Name, Type, Label string
	// IsList is nil where it is not known: then a value and a list of values are both right.
	IsList     *bool
	IsRequired bool
	// Options are the keys of a picklist; their labels may be texts or texts by language.
	Options map[string]any
	// MinSelected and MaxSelected bound how many keys a picklist takes.
	MinSelected, MaxSelected *float64
	// MinElements and MaxElements bound a list, which must then be sent.
	MinElements, MaxElements float64
	// AllowDuplicates is false where a list may not hold the same twice.
	AllowDuplicates *bool `json:"isAllowDuplicates"`
	// MinValue and MaxValue bound numbers where they are numbers.
	MinValue, MaxValue any
	// Size is the longest text, in UTF-16 code units; 0: any. Normalization changes texts before they are measured.
	Size          float64
	Normalization string
	// Document is what a lookup points to.
	Document string
	// DefaultValue, or the first of DefaultValues by language, stands where nothing is sent.
	DefaultValue  any
	DefaultValues []any

	raw map[string]json.RawMessage
}

// UnmarshalJSON reads a field and keeps it as it came, with what this client does not know.
func (f *Field) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	f.raw = raw
	return f.read()
}

// read takes what is known here out of what came. A member of another type than expected is not known.
func (f *Field) read() error {
	*f = Field{raw: f.raw}
	for name, into := range map[string]any{
		"name": &f.Name, "type": &f.Type, "label": &f.Label, "isList": &f.IsList, "isRequired": &f.IsRequired, "options": &f.Options,
		"minSelected": &f.MinSelected, "maxSelected": &f.MaxSelected, "minElements": &f.MinElements, "maxElements": &f.MaxElements,
		"isAllowDuplicates": &f.AllowDuplicates, "minValue": &f.MinValue, "maxValue": &f.MaxValue, "size": &f.Size,
		"normalization": &f.Normalization, "document": &f.Document, "defaultValue": &f.DefaultValue, "defaultValues": &f.DefaultValues,
	} {
		if text, sent := f.raw[name]; sent {
			_ = json.Unmarshal(text, into) // as said above
		}
	}
	if f.Name == "" {
		return errors.New("a field without a name")
	}
	return nil
}

// MarshalJSON gives the field as it came.
func (f Field) MarshalJSON() ([]byte, error) { return json.Marshal(f.raw) }

// Keys are the keys of a picklist, in order.
func (f *Field) Keys() []string { return slices.Sorted(maps.Keys(f.Options)) }

// IsLookup reports whether the field names a record of another document.
func (f *Field) IsLookup() bool { return f.Type == "lookup" || f.Type == "inheritLookup" }

// Default is what stands where nothing is sent; nil if nothing does, or what does cannot be told.
func (f *Field) Default() any {
	if f.DefaultValue != nil || f.Type != "picklist" || len(f.DefaultValues) == 0 {
		return f.DefaultValue
	}
	labels, _ := f.DefaultValues[0].(map[string]any)
	return labels["pt_BR"]
}

// HasDefault reports whether something stands where nothing is sent.
func (f *Field) HasDefault() bool { return f.DefaultValue != nil || len(f.DefaultValues) > 0 }

// Field finds a field by name; nil if there is none.
func (m *Module) Field(name string) *Field {
	for i := range m.Fields {
		if m.Fields[i].Name == name {
			return &m.Fields[i]
		}
	}
	return nil
}

// Complete asks the server what the fields of modules require, and adds it to what the modules say. Where the server, the
// session or the gateway does not tell, a module stays as it is.
func (c *Client) Complete(ctx context.Context, modules ...*Module) error {
	for _, m := range modules {
		fields, err := c.described(ctx, m.Document)
		if err != nil {
			return err
		}
		m.complete(fields, c.options.Language)
	}
	return nil
}

// described are the fields of a document as its metadata has them; none if nobody tells.
func (c *Client) described(ctx context.Context, document string) ([]map[string]json.RawMessage, error) {
	a, err := c.ask(ctx, http.MethodGet, "/rest/menu/documents/"+url.PathEscape(document), nil)
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.isFinal() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var body struct {
		Fields []map[string]json.RawMessage
	}
	if !nothing(a.body) && decode(a.body, &body) != nil {
		return nil, c.stranger(a)
	}
	return body.Fields, nil
}

// nothing reports whether an answer says that there is none.
func nothing(body []byte) bool {
	text := bytes.TrimSpace(body)
	return len(text) == 0 || bytes.Equal(text, []byte("null"))
}

// complete adds what a document's metadata says of its fields. What the explorer said stays; fields that it does not show
// to the session may still be sent.
func (m *Module) complete(fields []map[string]json.RawMessage, language string) {
	for _, described := range fields {
		raw := map[string]json.RawMessage{"isList": json.RawMessage("false"), "isRequired": json.RawMessage("false")}
		maps.Copy(raw, described)
		labels := map[string]string{}
		_ = json.Unmarshal(described["label"], &labels) // a label of another shape is left out
		label, err := json.Marshal(cmp.Or(labels[language], labels["pt_BR"], labels["en"]))
		if err == nil {
			raw["label"] = label
		}
		read := Field{raw: raw}
		if read.read() != nil {
			continue
		}
		if known := m.Field(read.Name); known != nil {
			maps.Copy(raw, known.raw)
			*known = Field{raw: raw}
			_ = known.read() // both could be read before
			continue
		}
		m.Fields = append(m.Fields, read)
	}
	m.Complete = len(fields) > 0
}
