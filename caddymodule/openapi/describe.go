package openapi

import (
	"mime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	scalar   = yaml.ScalarNode
	sequence = yaml.SequenceNode
	mapping  = yaml.MappingNode
)

// describe is an operation for those who use it. What cannot be read is left out: where it matters, validate says so.
func (d *Document) describe(o *operation, full string) *Operation {
	described := &Operation{
		ID: oneLine(o.of.word("operationId")), Summary: o.of.short("summary", maxWord), Description: o.of.short("description", maxText),
		Deprecated: o.of.is("deprecated"), Method: o.method, Path: full, Source: o.source(), document: d,
	}
	tags, _ := o.of.get("tags")
	for tag := range tags.elements {
		if name := oneLine(tag.node.Value); name != "" && tag.node.Kind == scalar && len(described.Tags) < maxTags && !slices.Contains(described.Tags, name) {
			described.Tags = append(described.Tags, name)
		}
	}
	described.Parameters = d.describeParameters(o, full)
	if body, found := d.follow(o.of, "requestBody"); found {
		described.Body = &Body{Description: body.short("description", maxText), Required: body.is("required"), Content: d.describeContent(body)}
	}
	answers, _ := o.of.get("responses")
	for status, at := range answers.members {
		if len(described.Answers) == maxOf || !isStatus(status) {
			continue
		}
		if at, err := d.files.resolve(at); err == nil {
			described.Answers = append(described.Answers, Answer{Status: status, Description: at.short("description", maxText), Content: d.describeContent(at)})
		}
	}
	return described
}

func isStatus(text string) bool {
	return text == "default" || len(text) == 3 && strings.Trim(text[:1], "12345") == "" && (strings.Trim(text[1:], "0123456789") == "" || text[1:] == "XX")
}

// follow is a member, or what it refers to.
func (d *Document) follow(p place, name string) (place, bool) {
	at, found := p.get(name)
	if !found {
		return place{}, false
	}
	at, err := d.files.resolve(at)
	return at, err == nil
}

func (d *Document) describeParameters(o *operation, full string) (list []Parameter) {
	declared, err := (&compiler{Document: d}).declared(o)
	if err != nil {
		return nil
	}
	template, named := parameters.FindAllStringSubmatch(full, -1), strings.Split(pattern(full), "/:")
	for _, at := range declared {
		p := Parameter{Name: at.word("name"), In: at.word("in"), Required: at.is("required"), Deprecated: at.is("deprecated"), Description: at.short("description", maxText)}
		if oneLine(p.Name) == "" || len(list) == maxOf {
			continue
		}
		p.Style = "simple"
		switch p.In {
		case "path":
			n := slices.IndexFunc(template, func(m []string) bool { return m[1] == p.Name })
			if n < 0 || n+1 >= len(named) {
				continue
			}
			p.Segment, _, _ = strings.Cut(named[n+1], "/")
			p.Required = true
		case "query":
			p.Style = "form"
		case "header":
			if slices.Contains([]string{"accept", "content-type", "authorization", "host"}, strings.ToLower(p.Name)) {
				continue // OpenAPI 3.1.1, "Parameter Object"
			}
		default:
			continue
		}
		if written := at.word("style"); separators[written] != "" {
			p.Style = written
		}
		p.Explode = p.Style == "form"
		if explode := at.word("explode"); explode != "" {
			p.Explode = explode == "true"
		}
		p.Schema, p.Examples = d.schema(at), d.examples(at)
		for _, content := range d.describeContent(at) {
			p.Schema, p.IsJSON, p.Examples = content.Schema, isJSONType(content.Type), content.Examples
		}
		list = append(list, p)
	}
	return list
}

func (d *Document) describeContent(of place) (list []Content) {
	content, _ := of.get("content")
	for kind, at := range content.members {
		at, err := d.files.resolve(at)
		if plain, _, bad := mime.ParseMediaType(kind); bad == nil {
			kind = plain
		}
		if kind = strings.ToLower(oneLine(kind)); err != nil || kind == "" || len(list) == maxOf {
			continue
		}
		list = append(list, Content{Type: kind, Schema: d.schema(at), Examples: d.examples(at)})
	}
	return list
}

// schema is the schema that stands in a value; zero: none does.
func (d *Document) schema(of place) Schema {
	if at, found := of.get("schema"); found {
		return Schema{Value{d, at}}
	}
	return Schema{}
}

// examples are those that stand in a value.
func (d *Document) examples(of place) (list []Value) {
	if at, found := of.get("example"); found {
		list = append(list, Value{d, at})
	}
	examples, _ := of.get("examples")
	for _, at := range examples.members {
		at, err := d.files.resolve(at)
		if value, found := at.get("value"); err == nil && found && len(list) < maxExamples {
			list = append(list, Value{d, value})
		}
	}
	return list
}
