package crm

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
)

// DefaultLanguage is that of the labels where the caller asks for none.
const DefaultLanguage = "pt_BR"

// Module is a document type as its metadata describes it, and as /rest/menu/documents shows it.
type Module struct {
	ID      string  `json:"_id"`
	Name    string  `json:"name"`
	Label   Labels  `json:"label"`
	Plurals Labels  `json:"plurals"`
	Fields  []Field `json:"fields"`
}

// Field is one field of a module. What is left out does not hold: no list, no bound, not required.
type Field struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Label      Labels `json:"label"`
	IsList     bool   `json:"isList,omitempty"`
	IsRequired bool   `json:"isRequired,omitempty"`
	IsUnique   bool   `json:"isUnique,omitempty"`
	// Duplicates is false where a list may not have the same element twice.
	Duplicates *bool `json:"isAllowDuplicates,omitempty"`
	// MinElements and MaxElements bound a list. A bounded list must be sent.
	MinElements int `json:"minElements,omitempty"`
	MaxElements int `json:"maxElements,omitempty"`
	// Options are the keys of a picklist with their labels.
	Options map[string]Labels `json:"options,omitempty"`
	// MinSelected and MaxSelected bound how many keys. Without MaxSelected both a key and a list of keys are right.
	MinSelected *int `json:"minSelected,omitempty"`
	MaxSelected *int `json:"maxSelected,omitempty"`
	// MinValue and MaxValue bound numbers, both ends included.
	MinValue *float64 `json:"minValue,omitempty"`
	MaxValue *float64 `json:"maxValue,omitempty"`
	// Size is the longest text, in UTF-16 code units.
	Size int `json:"size,omitempty"`
	// Document is the module that a lookup points to; DescriptionFields are copied from the record it names,
	// DetailFields are joined where a find asks for details.
	Document          string   `json:"document,omitempty"`
	DescriptionFields []string `json:"descriptionFields,omitempty"`
	DetailFields      []string `json:"detailFields,omitempty"`
	// DefaultValue, or the first of DefaultValues by language, stands where the caller sends nothing.
	DefaultValue  any      `json:"defaultValue,omitempty"`
	DefaultValues []Labels `json:"defaultValues,omitempty"`
}

// Labels are texts by language.
type Labels map[string]string

// in is the text in a language, or in English; where there is none, the name.
func (l Labels) in(language, name string) string {
	for _, text := range []string{l[language], l["en"]} {
		if text != "" {
			return text
		}
	}
	return name
}

//go:embed modules/*.json
var moduleFiles embed.FS

// Modules are the server's modules, by name.
func Modules() ([]Module, error) {
	names, err := fs.Glob(moduleFiles, "modules/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing the modules: %w", err)
	}
	modules := make([]Module, len(names))
	for i, name := range names {
		text, err := moduleFiles.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(text, &modules[i])
		}
		if err != nil {
			return nil, fmt.Errorf("reading module %s: %w", name, err)
		}
		modules[i].ID = modules[i].Name
		modules[i].Fields = append(modules[i].Fields, ownFields...)
	}
	return modules, nil
}

// ownFields are the server's own, which every document has.
var ownFields = []Field{
	{Name: "_user", Type: "lookup", Label: Labels{"en": "User", "pt_BR": "Usuário"}, IsList: true, Document: "User",
		DescriptionFields: []string{"name", "group.name", "active"}, DetailFields: []string{"phone", "emails"}},
	{Name: "_createdAt", Type: "dateTime", Label: Labels{"en": "Created At", "pt_BR": "Criado em"}},
	{Name: "_createdBy", Type: "lookup", Label: Labels{"en": "Created by", "pt_BR": "Criado por"}, Document: "User", DescriptionFields: []string{"name", "group.name"}},
	{Name: "_updatedAt", Type: "dateTime", Label: Labels{"en": "Updated At", "pt_BR": "Atualizado em"}},
	{Name: "_updatedBy", Type: "lookup", Label: Labels{"en": "Updated by", "pt_BR": "Atualizado por"}, Document: "User", DescriptionFields: []string{"name", "group.name"}},
}

// field finds a field by name; nil if there is none.
func (m *Module) field(name string) *Field {
	at := slices.IndexFunc(m.Fields, func(f Field) bool { return f.Name == name })
	if at < 0 {
		return nil
	}
	return &m.Fields[at]
}

func (f *Field) isLookup() bool { return f.Type == "lookup" || f.Type == "inheritLookup" }

// hasDefault tells that something stands where nothing is sent.
func (f *Field) hasDefault() bool { return f.DefaultValue != nil || len(f.DefaultValues) > 0 }

// initial is what stands where nothing is sent; nil where nothing does.
func (f *Field) initial() any {
	if f.DefaultValue == nil && f.Type == "picklist" && len(f.DefaultValues) > 0 {
		return f.DefaultValues[0].in(DefaultLanguage, "")
	}
	return f.DefaultValue
}

// explored is a module as the explorer shows it: without what its fields require.
type explored struct {
	Document       string          `json:"document"`
	Label          string          `json:"label"`
	Fields         []exploredField `json:"fields"`
	ReverseLookups []reverseLookup `json:"reverseLookups"`
}

type exploredField struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Label    string            `json:"label"`
	Options  map[string]Labels `json:"options,omitempty"`
	Document string            `json:"document,omitempty"`
	// DescriptionFields are there for lookups, and only for them.
	DescriptionFields *[]string `json:"descriptionFields,omitempty"`
}

// reverseLookup is a field of another module that points to this one.
type reverseLookup struct {
	Document string `json:"document"`
	Lookup   string `json:"lookup"`
	Label    string `json:"label"`
}

// explored are the modules that the session can see, with labels in a language.
func (s *Server) explored(language string) []explored {
	all := []explored{}
	for i := range s.all {
		m := &s.all[i]
		if s.closed[m.Name] {
			continue
		}
		e := explored{Document: m.Name, Label: m.Label.in(language, m.Name), ReverseLookups: []reverseLookup{}}
		for _, f := range m.Fields {
			shown := exploredField{Name: f.Name, Type: f.Type, Label: f.Label.in(language, f.Name), Options: f.Options, Document: f.Document}
			if f.isLookup() {
				described := append([]string{}, f.DescriptionFields...)
				shown.DescriptionFields = &described
			}
			e.Fields = append(e.Fields, shown)
		}
		// The server adds this one to its documents in memory: their stored metadata does not have it.
		e.Fields = append(e.Fields, exploredField{Name: "_merge", Type: "text", Label: "_merge"})
		for _, other := range s.all {
			for _, f := range other.Fields {
				if f.Document == m.Name && !s.closed[other.Name] {
					e.ReverseLookups = append(e.ReverseLookups, reverseLookup{other.Name, f.Name, other.Label.in(language, other.Name)})
				}
			}
		}
		all = append(all, e)
	}
	return all
}
