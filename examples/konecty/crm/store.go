package crm

import (
	"crypto/rand"
	"maps"
	"slices"
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
		s.documents[m.Name] = &collection{byID: map[string]record{}, codes: map[string]float64{}}
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

// insert numbers and stores a copy of a record and gives it back, or says why it cannot.
func (s *store) insert(m *Module, r record) (stored record, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.documents[m.Name]
	if len(c.ordered) >= maxRecords {
		return nil, "Error on insert, there is no affected record"
	}
	r = maps.Clone(r)
	id, ok := r["_id"].(string)
	if !ok {
		id = newID()
		r["_id"] = id
	}
	if c.byID[id] != nil {
		return nil, "Campo único não respeitado: _id: " + id
	}
	for _, f := range m.Fields {
		if f.Type != "autoNumber" {
			continue
		}
		if given, ok := r[f.Name].(float64); ok { // it is taken as it is
			c.codes[f.Name] = max(c.codes[f.Name], given)
			continue
		}
		c.codes[f.Name]++
		r[f.Name] = c.codes[f.Name]
	}
	c.byID[id] = r
	c.ordered = append(c.ordered, r)
	return r, ""
}

// replace puts records in the place of those with the same ids; drop takes some away.
func (s *store) replace(document string, records []record, drop []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.documents[document]
	for _, r := range records {
		c.byID[r["_id"].(string)] = r
	}
	for _, id := range drop {
		delete(c.byID, id)
	}
	kept := make([]record, 0, len(c.ordered))
	for _, r := range c.ordered {
		if now := c.byID[r["_id"].(string)]; now != nil {
			kept = append(kept, now)
		}
	}
	c.ordered = slices.Clip(kept)
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
