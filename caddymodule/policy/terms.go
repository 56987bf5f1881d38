package policy

import (
	"fmt"
	"runtime"
	"sync"
	"weak"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// termsOf are the terms of records, built once for each and dropped when nobody uses the record any more: the table
// itself keeps no record alive.
type termsOf[T any] struct {
	build func(*T) (*ast.Term, error)
	terms sync.Map // weak.Pointer[T] to *ast.Term
}

// Records are immutable and the same for all engines, hence so are their terms.
var (
	keyTerms       = termsOf[record.Key]{build: keyTerm}
	workspaceTerms = termsOf[record.Workspace]{build: workspaceTerm}
)

// of gives the record's term. The error is that of a record which JSON cannot express.
func (t *termsOf[T]) of(r *T) (*ast.Term, error) {
	id := weak.Make(r)
	if term, found := t.terms.Load(id); found {
		return term.(*ast.Term), nil
	}
	term, err := t.build(r)
	if err != nil {
		return nil, err
	}
	if _, found := t.terms.LoadOrStore(id, term); !found {
		runtime.AddCleanup(r, func(id weak.Pointer[T]) { t.terms.Delete(id) }, id)
	}
	return term, nil
}

func keyTerm(k *record.Key) (*ast.Term, error) {
	networks := make([]string, len(k.AllowedIPs))
	for i, network := range k.AllowedIPs {
		networks[i] = network.String()
	}
	return ast.ObjectTerm(
		ast.Item(ast.InternedTerm("id"), ast.StringTerm(k.ID)),
		ast.Item(ast.InternedTerm("name"), ast.StringTerm(k.Name)),
		ast.Item(ast.InternedTerm("scopes"), list(k.Scopes)),
		ast.Item(ast.InternedTerm("allowed_ips"), list(networks)),
	), nil
}

func workspaceTerm(w *record.Workspace) (*ast.Term, error) {
	metadata := ast.InternedEmptyObject
	if len(w.Metadata) > 0 {
		value, err := ast.InterfaceToValue(w.Metadata)
		if err != nil {
			return nil, fmt.Errorf("reading the metadata of workspace %s: %w", w.ID, err)
		}
		metadata = ast.NewTerm(value)
	}
	return ast.ObjectTerm(
		ast.Item(ast.InternedTerm("id"), ast.StringTerm(w.ID)),
		ast.Item(ast.InternedTerm("metadata"), metadata),
	), nil
}
