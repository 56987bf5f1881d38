package describe

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Kind is one of the documents.
type Kind uint8

// The documents.
const (
	// Skill is SKILL.md: how to use the API, for an agent to read first.
	Skill Kind = iota
	// OpenAPI is openapi.json.
	OpenAPI
	// LLMs is llms.txt: where the others are.
	LLMs
	// Index is /.well-known/agent-skills/index.json (Agent Skills discovery 0.2.0).
	Index
	// Catalog is /.well-known/api-catalog (RFC 9727).
	Catalog
	kinds
)

// Paths of the documents that lie at the same place everywhere.
const (
	indexPath   = "/.well-known/agent-skills/index.json"
	catalogPath = "/.well-known/api-catalog"
)

var names = [kinds]string{Skill: "/SKILL.md", OpenAPI: "/openapi.json", LLMs: "/llms.txt", Index: indexPath, Catalog: catalogPath}

var types = [kinds]string{
	Skill: "text/markdown; charset=utf-8", OpenAPI: "application/json", LLMs: "text/plain; charset=utf-8", Index: "application/json",
	Catalog: `application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"`,
}

// Path is where a document lies, if the others of its site lie under a path.
func (k Kind) Path(under string) string {
	if k.Everywhere() {
		return names[k]
	}
	return under + names[k]
}

// Type is its media type.
func (k Kind) Type() string { return types[k] }

// Everywhere reports whether it lies at the same place on every site, and is the same for all callers.
func (k Kind) Everywhere() bool { return k == Index || k == Catalog }

// Kinds are all documents.
func Kinds() []Kind { return []Kind{Skill, OpenAPI, LLMs, Index, Catalog} }

// Caller is for whom a document is.
type Caller struct {
	// Routes are what the caller may call: gate.Callable's.
	Routes iter.Seq2[*route.Route, []string]
	// Key tells Routes apart from those of other callers: gate.Callable's.
	Key string
	// Base is scheme and host of the site, as the caller knows it: https://api.example.com. Empty: they are not known.
	Base string
	// Plan is the plan of the caller's workspace; nil: there is no key, and the document is for anybody.
	Plan *record.Plan
	// Limits are the caller's: those of its workspace, and its key's own.
	Limits []record.Window
}

// Site tells of the routes of one site at one time. It is safe for concurrent use.
type Site struct {
	options Options
	of      map[*route.Route][]*operation

	making sync.Mutex // one document is made at a time: they may be long
	mu     sync.Mutex
	known  map[known][]byte
	bytes  int
}

// known is what a document depends on besides the site and the address that it was asked at.
type known struct {
	kind           Kind
	callable, plan string
	anybody        bool
}

// Bounds of what is remembered, and of one document's schemas.
const (
	maxKnown   = 16 << 20
	maxSchemas = 8 << 20
)

// anywhere stands for the site's address in what is remembered. Nothing else is it: it is made anew by each process.
var anywhere = func() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	return "https://tollgate-" + hex.EncodeToString(random[:]) + ".invalid"
}()

// New makes it, of the routes of the site's table, and of the routes of its document in place of which another one stands. The error
// names what the options except and is not there.
func New(options Options, routes []*route.Route, replaced []route.Replaced) (*Site, error) {
	options.complete()
	s := &Site{options: options, of: make(map[*route.Route][]*operation, len(routes)), known: map[known][]byte{}}
	if err := s.operations(routes, replaced); err != nil {
		return nil, err
	}
	return s, nil
}

// errKind says that there is no such document.
var errKind = errors.New("there is no such document")

// Document makes a document for a caller. Whoever changes its bytes changes a copy.
func (s *Site) Document(kind Kind, c *Caller) ([]byte, error) {
	if kind >= kinds {
		return nil, errKind
	}
	if kind == Index {
		skill, err := s.Document(Skill, c)
		if err != nil {
			return nil, err
		}
		return s.index(c.Base, sha256.Sum256(skill)), nil
	}
	text, err := s.remembered(kind, c)
	if err != nil {
		return nil, err
	}
	base := c.Base
	switch {
	case base != "":
	case kind == Skill:
		base = "that of the server which this page was read from"
	case kind == OpenAPI:
		base = "/"
	}
	return bytes.ReplaceAll(text, []byte(anywhere), []byte(base)), nil
}

// remembered is a document with anywhere for its address.
func (s *Site) remembered(kind Kind, c *Caller) ([]byte, error) {
	key := known{kind: kind, callable: c.Key, anybody: c.Plan == nil}
	if c.Plan != nil {
		key.plan = c.Plan.Name + " " + limitsInWords(c) + " " + strings.Join(texted(c.Limits), " ")
	}
	if text := s.recall(key); text != nil {
		return text, nil
	}
	s.making.Lock()
	defer s.making.Unlock()
	if text := s.recall(key); text != nil {
		return text, nil // somebody else has made it meanwhile
	}
	text, err := s.make(kind, c)
	if err != nil {
		return nil, err
	}
	s.remember(key, text)
	return text, nil
}

func (s *Site) make(kind Kind, c *Caller) ([]byte, error) {
	switch kind {
	case OpenAPI, Skill:
		m, err := s.model(c)
		if err != nil {
			return nil, err
		}
		if kind == OpenAPI {
			return m.openapi(), nil
		}
		return m.skill(), nil
	case LLMs:
		return s.llms(), nil
	}
	return s.catalog(), nil
}

func (s *Site) recall(key known) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[key]
}

func (s *Site) remember(key known, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := len(text) + len(key.callable) + len(key.plan)
	if size > maxKnown {
		return
	}
	for other, old := range s.known {
		if s.bytes+size <= maxKnown {
			break
		}
		s.bytes -= len(old) + len(other.callable) + len(other.plan)
		delete(s.known, other) // any other
	}
	s.known[key] = text
	s.bytes += size
}
