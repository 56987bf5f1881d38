package policy

import (
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"weak"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

const (
	// keptTerms is how many terms of records are kept of each kind. Most decisions are remembered and need none: these are
	// for the callers of policies that are asked every time.
	keptTerms = 1 << 11
	// maxTerm is the most that a record may say, in bytes of memory, for its term to be kept. A term takes a few times as
	// much; with keptTerms that bounds all of them to some ten MiB.
	maxTerm = 4 << 10
)

// termsOf are the terms of records that were last asked for. The table keeps no record alive, and no more terms than it
// has places, however many records there are.
type termsOf[T any] struct {
	build  func(*T) (*ast.Term, error)
	weigh  func(*T) int
	seed   maphash.Seed
	places [keptTerms]atomic.Pointer[termOf[T]]
}

// termOf is the term of one record.
type termOf[T any] struct {
	of   weak.Pointer[T]
	term *ast.Term
}

// Records are immutable and the same for all engines, hence so are their terms.
var (
	keyTerms       = termsOf[record.Key]{build: keyTerm, weigh: keyWeight, seed: maphash.MakeSeed()}
	workspaceTerms = termsOf[record.Workspace]{build: workspaceTerm, weigh: workspaceWeight, seed: maphash.MakeSeed()}
)

// of gives the record's term. The error is that of a record which JSON cannot express.
func (t *termsOf[T]) of(r *T) (*ast.Term, error) {
	place := &t.places[maphash.Comparable(t.seed, r)%keptTerms]
	if kept := place.Load(); kept != nil && kept.of.Value() == r {
		return kept.term, nil
	}
	term, err := t.build(r)
	if err == nil && t.weigh(r) <= maxTerm {
		place.Store(&termOf[T]{weak.Make(r), term})
	}
	return term, err
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

func keyWeight(k *record.Key) int {
	const network = 64
	bytes := len(k.ID) + len(k.Name) + network*len(k.AllowedIPs)
	for _, scope := range k.Scopes {
		bytes += len(scope)
	}
	return bytes
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

func workspaceWeight(w *record.Workspace) int { return weight(w.Metadata, maxTerm) }
