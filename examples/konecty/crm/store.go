package crm

import (
	"crypto/rand"
	"maps"
	"sync"
)

// maxRecords bounds the memory: that many records of one document are kept, more are refused.
const maxRecords = 100_000

// record is a stored document. It is never changed once it is stored.
type record = map[string]any

// store holds the records of all documents, in the order they were created. It is safe for concurrent use.
type store struct {
	mu        sync.RWMutex
	documents map[string]*collection
}

type collection struct {
	byID    map[string]record
	ordered []record
	codes   map[string]float64
}

func newStore(modules []Module) *store {
	s := &store{documents: make(map[string]*collection, len(modules))}
	for _, m := range modules {
		s.documents[m.Document] = &collection{byID: map[string]record{}, codes: map[string]float64{}}
	}
	return s
}

// get finds a record; nil if there is none.
func (s *store) get(document, id string) record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.documents[document]; c != nil {
		return c.byID[id]
	}
	return nil
}

// all are the records of a document in the order of their creation. The caller must not change them.
func (s *store) all(document string) []record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.documents[document]
	return c.ordered[:len(c.ordered):len(c.ordered)]
}

// insert numbers and stores a copy of a record and gives it back. It reports false where there is no room.
func (s *store) insert(m *Module, r record) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.documents[m.Document]
	if len(c.ordered) >= maxRecords {
		return nil, false
	}
	r = maps.Clone(r)
	if r["_id"] == nil {
		r["_id"] = newID()
	}
	for _, f := range m.Fields {
		if f.Type != "autoNumber" {
			continue
		}
		if given, ok := r[f.Name].(float64); ok { // seeded
			c.codes[f.Name] = given
			continue
		}
		c.codes[f.Name]++
		r[f.Name] = c.codes[f.Name]
	}
	c.byID[r["_id"].(string)] = r
	c.ordered = append(c.ordered, r)
	return r, true
}

// newID is an id in the server's form: 17 characters that are not easily taken for each other.
func newID() string {
	const alphabet = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"
	id := make([]byte, 0, 17)
	for random := make([]byte, 32); len(id) < cap(id); {
		_, _ = rand.Read(random) // never fails
		for _, b := range random {
			if b &= 63; int(b) < len(alphabet) && len(id) < cap(id) {
				id = append(id, alphabet[b])
			}
		}
	}
	return string(id)
}
