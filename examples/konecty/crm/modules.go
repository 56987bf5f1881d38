package crm

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

// DefaultLanguage is that of the labels where the caller asks for none.
const DefaultLanguage = "pt_BR"

// Module is a document type as the explorer shows it.
type Module struct {
	Document       string          `json:"document"`
	Label          string          `json:"label"`
	Fields         []Field         `json:"fields"`
	ReverseLookups []ReverseLookup `json:"reverseLookups"`
}

// Field is one field of a module.
type Field struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Label      string `json:"label"`
	IsList     bool   `json:"isList"`
	IsRequired bool   `json:"isRequired"`
	// Options are the keys of a picklist with their labels.
	Options map[string]string `json:"options,omitempty"`
	// MinSelected and MaxSelected bound how many keys; more than one makes the value a list. 0: no bound, and one key.
	MinSelected int `json:"minSelected,omitempty"`
	MaxSelected int `json:"maxSelected,omitempty"`
	// MinValue and MaxValue bound numbers, both ends included.
	MinValue *float64 `json:"minValue,omitempty"`
	MaxValue *float64 `json:"maxValue,omitempty"`
	// Document is the module that a lookup points to; DescriptionFields are copied from the record it names.
	Document          string   `json:"document,omitempty"`
	DescriptionFields []string `json:"descriptionFields,omitempty"`
	// DefaultValue stands where the caller sends nothing.
	DefaultValue any `json:"defaultValue,omitempty"`
}

// ReverseLookup is a field of another module that points to this one.
type ReverseLookup struct {
	Document string `json:"document"`
	Lookup   string `json:"lookup"`
	Label    string `json:"label"`
}

// labels are texts by language.
type labels map[string]string

func (l labels) in(language, otherwise string) string {
	if text := l[language]; text != "" {
		return text
	}
	return otherwise
}

// definition is a module as its file describes it: in all languages.
type definition struct {
	Document string       `json:"document"`
	Label    labels       `json:"label"`
	Fields   []fieldEntry `json:"fields"`
}

type fieldEntry struct {
	Field
	Label   labels            `json:"label"`
	Options map[string]labels `json:"options"`
}

//go:embed modules/*.json
var moduleFiles embed.FS

// Modules are the server's modules with labels in a language, by the names of their documents.
func Modules(language string) ([]Module, error) {
	definitions, err := readDefinitions()
	if err != nil {
		return nil, err
	}
	return modulesIn(language, definitions), nil
}

func modulesIn(language string, definitions []definition) []Module {
	modules := make([]Module, len(definitions))
	for i, d := range definitions {
		modules[i] = d.in(language, definitions)
	}
	return modules
}

func readDefinitions() ([]definition, error) {
	names, err := fs.Glob(moduleFiles, "modules/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing the modules: %w", err)
	}
	definitions := make([]definition, len(names))
	for i, name := range names {
		text, err := moduleFiles.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(text, &definitions[i])
		}
		if err != nil {
			return nil, fmt.Errorf("reading module %s: %w", name, err)
		}
	}
	return definitions, nil
}

// in is the module with its labels in a language; what has none there is called by its name.
func (d *definition) in(language string, all []definition) Module {
	m := Module{Document: d.Document, Label: d.Label.in(language, d.Document), ReverseLookups: []ReverseLookup{}}
	for _, entry := range d.Fields {
		f := entry.Field
		f.Label = entry.Label.in(language, f.Name)
		if entry.Options != nil {
			f.Options = make(map[string]string, len(entry.Options))
		}
		for key, label := range entry.Options {
			f.Options[key] = label.in(language, key)
		}
		m.Fields = append(m.Fields, f)
	}
	for _, other := range all {
		for _, f := range other.Fields {
			if f.Document == d.Document {
				m.ReverseLookups = append(m.ReverseLookups, ReverseLookup{other.Document, f.Name, other.Label.in(language, other.Document)})
			}
		}
	}
	return m
}

// field finds a field by name; nil if there is none.
func (m *Module) field(name string) *Field {
	for i := range m.Fields {
		if m.Fields[i].Name == name {
			return &m.Fields[i]
		}
	}
	return nil
}
