// Package contract reads an OpenAPI 3.1 document and makes of it what a test needs: requests that the API must take,
// requests that it must refuse with the name of the wrong field, and a check of answers. It knows the part of OpenAPI
// that the Agent API uses.
package contract

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is an OpenAPI document.
type Document struct {
	Servers []struct {
		URL string `yaml:"url"`
	} `yaml:"servers"`
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components struct {
		Parameters map[string]*Parameter `yaml:"parameters"`
		Responses  map[string]*Response  `yaml:"responses"`
		Schemas    map[string]*Schema    `yaml:"schemas"`
	} `yaml:"components"`

	operations []*Operation
}

// Operation is one method of one path.
type Operation struct {
	// Method in upper case, Path relative to the document's server, such as /leads/{id}.
	Method, Path string
	ID           string `yaml:"operationId"`
	Summary      string `yaml:"summary"`
	// Scope is what a key must hold, by the first scheme of Security; empty means public.
	Scope      string                `yaml:"-"`
	Security   []map[string][]string `yaml:"security"`
	Parameters []*Parameter          `yaml:"parameters"`
	Body       *Body                 `yaml:"requestBody"`
	// Responses are by status; "default" is for all that are not named.
	Responses map[string]*Response `yaml:"responses"`
}

// Parameter is one of the query or the path.
type Parameter struct {
	Ref         string  `yaml:"$ref"`
	Name        string  `yaml:"name"`
	In          string  `yaml:"in"`
	Required    bool    `yaml:"required"`
	Description string  `yaml:"description"`
	Schema      *Schema `yaml:"schema"`
}

// Body is a request body: JSON, with an example that the API takes as it stands.
type Body struct {
	Content map[string]struct {
		Schema  *Schema        `yaml:"schema"`
		Example map[string]any `yaml:"example"`
	} `yaml:"content"`
}

// Response is one kind of answer.
type Response struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct {
		Schema *Schema `yaml:"schema"`
	} `yaml:"content"`
}

const jsonType = "application/json"

// Parse reads a document and resolves its references.
func Parse(text []byte) (*Document, error) {
	d := &Document{}
	if err := yaml.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	for name, schema := range d.Components.Schemas {
		if err := d.resolve(&schema); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
	}
	for path, item := range d.Paths {
		if err := d.addPath(path, item); err != nil {
			return nil, fmt.Errorf("path %s: %w", path, err)
		}
	}
	slices.SortFunc(d.operations, func(a, b *Operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	return d, nil
}

// Operations are all of the document, sorted by path and method.
func (d *Document) Operations() []*Operation { return d.operations }

// Base is the path in front of every operation's path.
func (d *Document) Base() string { return d.Servers[0].URL }

func (d *Document) addPath(path string, item map[string]yaml.Node) error {
	var shared []*Parameter
	if node, given := item["parameters"]; given {
		if err := node.Decode(&shared); err != nil {
			return err
		}
	}
	for method, node := range item {
		if method == "parameters" {
			continue
		}
		op := &Operation{Method: strings.ToUpper(method), Path: path}
		if err := node.Decode(op); err != nil {
			return err
		}
		op.Parameters = append(slices.Clone(shared), op.Parameters...)
		for _, alternative := range op.Security {
			for _, scopes := range alternative {
				op.Scope = strings.Join(scopes, " ")
			}
		}
		if err := d.resolveOperation(op); err != nil {
			return fmt.Errorf("%s: %w", op.Method, err)
		}
		d.operations = append(d.operations, op)
	}
	return nil
}

func (d *Document) resolveOperation(op *Operation) error {
	for i, parameter := range op.Parameters {
		if parameter.Ref != "" {
			parameter = d.Components.Parameters[lastOf(parameter.Ref)]
		}
		if parameter == nil {
			return fmt.Errorf("unknown parameter %s", op.Parameters[i].Ref)
		}
		op.Parameters[i] = parameter
		if err := d.resolve(&parameter.Schema); err != nil {
			return err
		}
	}
	for status, response := range op.Responses {
		if response.Ref != "" {
			response = d.Components.Responses[lastOf(response.Ref)]
		}
		if response == nil {
			return fmt.Errorf("unknown response %s", op.Responses[status].Ref)
		}
		op.Responses[status] = response
		for kind, content := range response.Content {
			if err := d.resolve(&content.Schema); err != nil {
				return err
			}
			response.Content[kind] = content
		}
	}
	if op.Body == nil {
		return nil
	}
	content := op.Body.Content[jsonType]
	if err := d.resolve(&content.Schema); err != nil {
		return err
	}
	op.Body.Content[jsonType] = content
	return nil
}

// BodySchema is the schema of the operation's body, nil where it takes none.
func (op *Operation) BodySchema() *Schema {
	if op.Body == nil {
		return nil
	}
	return op.Body.Content[jsonType].Schema
}

func lastOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
