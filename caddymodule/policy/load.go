package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tollgate-gateway/tollgate/policies"
)

// load reads, checks, compiles and prepares the embedded policies together with those of paths.
func load(ctx context.Context, paths []string) (*generation, error) {
	modules, err := embedded()
	if err != nil {
		return nil, err
	}
	compiler, err := compile(modules)
	if err != nil {
		return nil, err
	}
	return prepare(ctx, compiler, map[string]any{})
}

// embedded parses the policies that apply everywhere. Their names begin with "tollgate/".
func embedded() (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	return modules, fs.WalkDir(policies.Embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := policies.Embedded.ReadFile(name)
		if err != nil {
			return err
		}
		modules[name], err = ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{Capabilities: capabilities()})
		return err
	})
}

// schema is the published schema of the input in the compiler's form.
var schema = sync.OnceValues(func() (*ast.SchemaSet, error) {
	decoder := json.NewDecoder(bytes.NewReader(policies.InputSchema))
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("reading the input schema: %w", err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, document)
	return set, nil
})

// compile checks and compiles modules with everything that section 5 of the design takes away and asks for.
func compile(modules map[string]*ast.Module) (*ast.Compiler, error) {
	schemas, err := schema()
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithSchemas(schemas).WithStrict(true)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, fmt.Errorf("compiling the policies: %w", compiler.Errors)
	}
	return compiler, nil
}
