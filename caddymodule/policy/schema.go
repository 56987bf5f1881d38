package policy

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/tollgate-gateway/tollgate/policies"
)

// anyName stands in the compiler's form of the schema for all names that a caller or a route may choose.
const anyName = "*"

// schema is the published schema of the input in the compiler's form. OPA knows no additionalProperties: whatever stands
// below a header's name would have any type. So their schema becomes that of a property anyName, which openSchema puts
// right once OPA has made types of it.
var schema = sync.OnceValues(func() (*ast.SchemaSet, error) {
	var document map[string]any
	if err := json.Unmarshal(policies.InputSchema, &document); err != nil {
		return nil, fmt.Errorf("reading the input schema: %w", err)
	}
	nameAdditional(document)
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, document)
	return set, nil
})

func nameAdditional(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for _, property := range properties {
		nameAdditional(property.(map[string]any))
	}
	if additional, ok := schema["additionalProperties"].(map[string]any); ok {
		schema["properties"] = map[string]any{anyName: additional}
	}
}

// openSchema is a compiler's stage before it checks types: an object of the input with a property anyName may have any
// name, and what is found there has that property's type.
func openSchema(compiler *ast.Compiler) *ast.Error {
	if input, ok := compiler.TypeEnv.GetByRef(ast.InputRootRef).(*types.Object); ok {
		openNames(input)
	}
	return nil
}

func openNames(object *types.Object) {
	for _, property := range object.StaticProperties() {
		below, ok := property.Value.(*types.Object)
		if !ok {
			continue
		}
		if open := below.Select(anyName); open != nil && len(below.StaticProperties()) == 1 {
			property.Value = types.NewObject(nil, types.NewDynamicProperty(types.S, open))
			continue
		}
		openNames(below)
	}
}
