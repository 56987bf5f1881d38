package contract

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Schema is the part of JSON Schema that the document uses.
type Schema struct {
	Ref                  string             `yaml:"$ref"`
	Title                string             `yaml:"title"`
	Description          string             `yaml:"description"`
	Type                 types              `yaml:"type"`
	Enum                 []any              `yaml:"enum"`
	Const                any                `yaml:"const"`
	Default              any                `yaml:"default"`
	Examples             []any              `yaml:"examples"`
	Format               string             `yaml:"format"`
	Pattern              string             `yaml:"pattern"`
	MinLength            int                `yaml:"minLength"`
	MaxLength            *int               `yaml:"maxLength"`
	Minimum              *float64           `yaml:"minimum"`
	Maximum              *float64           `yaml:"maximum"`
	Properties           map[string]*Schema `yaml:"properties"`
	Required             []string           `yaml:"required"`
	AdditionalProperties *orFalse           `yaml:"additionalProperties"`
	MinProperties        int                `yaml:"minProperties"`
	AnyOf                []*Schema          `yaml:"anyOf"`
	Items                *Schema            `yaml:"items"`
	// Unique values may be used once only.
	Unique bool `yaml:"x-unique"`
	// Opaque values are made by the API: none can be made up.
	Opaque bool `yaml:"x-opaque"`

	resolved bool
}

// types is one type or several.
type types []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *types) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*t = types{node.Value}
		return nil
	}
	return node.Decode((*[]string)(t))
}

// orFalse is a schema, or false for "none".
type orFalse struct{ Schema *Schema }

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *orFalse) UnmarshalYAML(node *yaml.Node) error {
	if node.Value == "false" {
		return nil
	}
	return node.Decode(&o.Schema)
}

// resolve puts what a reference names in its place, with the description that stands beside the reference.
func (d *Document) resolve(s **Schema) error {
	if *s == nil || (*s).resolved {
		return nil
	}
	if ref := (*s).Ref; ref != "" {
		named := d.Components.Schemas[lastOf(ref)]
		if named == nil {
			return fmt.Errorf("unknown schema %s", ref)
		}
		if err := d.resolve(&named); err != nil {
			return err
		}
		merged := *named
		if (*s).Description != "" {
			merged.Description = (*s).Description
		}
		*s = &merged
		return nil
	}
	(*s).resolved = true
	for name, property := range (*s).Properties {
		if err := d.resolve(&property); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		(*s).Properties[name] = property
	}
	if more := (*s).AdditionalProperties; more != nil {
		if err := d.resolve(&more.Schema); err != nil {
			return err
		}
	}
	return d.resolve(&(*s).Items)
}

// Check says where and why a JSON value, as encoding/json decodes it, does not fit; empty means that it does.
func (s *Schema) Check(value any) string { return s.check("$", value) }

func (s *Schema) check(at string, value any) string {
	if len(s.Type) > 0 && !slices.ContainsFunc(s.Type, func(name string) bool { return isType(value, name) }) {
		return fmt.Sprintf("%s: %.50v is not %v", at, value, s.Type)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		return fmt.Sprintf("%s: %.50v is none of %v", at, value, s.Enum)
	}
	if s.Const != nil && s.Const != value {
		return fmt.Sprintf("%s: %.50v is not %v", at, value, s.Const)
	}
	switch value := value.(type) {
	case string:
		return s.checkText(at, value)
	case float64:
		if s.Minimum != nil && value < *s.Minimum || s.Maximum != nil && value > *s.Maximum {
			return fmt.Sprintf("%s: %v is out of range", at, value)
		}
	case []any:
		for i, item := range value {
			if problem := s.Items.check(at+"["+strconv.Itoa(i)+"]", item); problem != "" {
				return problem
			}
		}
	case map[string]any:
		return s.checkObject(at, value)
	}
	return ""
}

func isType(value any, name string) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}

var formats = map[string]func(string) bool{
	"uuid":      regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString,
	"email":     regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`).MatchString,
	"date-time": func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil },
}

func (s *Schema) checkText(at, value string) string {
	n := utf8.RuneCountInString(value)
	switch {
	case n < s.MinLength || s.MaxLength != nil && n > *s.MaxLength:
		return fmt.Sprintf("%s: has %d characters", at, n)
	case s.Format != "" && (formats[s.Format] == nil || !formats[s.Format](value)):
		return fmt.Sprintf("%s: %.50q is no %s", at, value, s.Format)
	case s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(value):
		return fmt.Sprintf("%s: %.50q does not match %s", at, value, s.Pattern)
	}
	return ""
}

func (s *Schema) checkObject(at string, value map[string]any) string {
	has := func(name string) bool { _, given := value[name]; return given }
	for _, name := range s.Required {
		if !has(name) {
			return at + ": " + name + " is missing"
		}
	}
	if len(value) < s.MinProperties {
		return at + ": has too few properties"
	}
	if s.AnyOf != nil && !slices.ContainsFunc(s.AnyOf, func(one *Schema) bool { return one.checkObject(at, value) == "" }) {
		return at + ": fits none of anyOf"
	}
	for name, property := range value {
		schema := s.Properties[name]
		if schema == nil && s.AdditionalProperties != nil {
			if schema = s.AdditionalProperties.Schema; schema == nil {
				return at + ": " + name + " is unknown"
			}
		}
		if schema != nil {
			if problem := schema.check(at+"."+name, property); problem != "" {
				return problem
			}
		}
	}
	return ""
}
