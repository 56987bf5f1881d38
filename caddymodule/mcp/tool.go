package mcp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// Options say what of a site's operations become tools, and how.
type Options struct {
	// Tools are the operations that become tools. Default: all that are routes of the document and can be called with arguments.
	Tools []openapi.Selection `json:"tools,omitempty"`
	// Except are operations that do not.
	Except []openapi.Selection `json:"except,omitempty"`
	// Names give tools names of the operator's choice.
	Names []Name `json:"names,omitempty"`
	// Title is the server's name for people. Default: the title of the document.
	Title string `json:"title,omitempty"`
	// Instructions tell clients' models how to use the tools.
	Instructions string `json:"-"`
	// MaxResult is how long an answer may be that a tool gives, in bytes. Default: 256 KiB.
	MaxResult int64 `json:"max_result,omitempty"`
	// Origins are those of pages that may use the server besides the site's own, such as https://chat.example.com.
	Origins []string `json:"origins,omitempty"`
	// Outputs has tools say what they answer with. Answers must then be as the document says: clients refuse others.
	Outputs bool `json:"-"`
}

// Name is a name for the tool of an operation.
type Name struct {
	Tool string `json:"tool"`
	openapi.Selection
}

// DefaultMaxResult is how long an answer may be where the options say nothing.
const DefaultMaxResult = 256 << 10

// maxName is the longest name of a tool: what the models of most clients take.
const maxName = 64

// Server is one MCP endpoint: the tools of a site at one time. It is immutable.
type Server struct {
	options        Options
	title, release string
	tools          []*Tool
	byName         map[string]*Tool
}

// Tool is an operation as a tool.
type Tool struct {
	// Name is its name.
	Name string
	// Route is the route that takes its requests.
	Route *route.Route

	operation *openapi.Operation
	listed    []byte // as tools/list has it
	method    string
	template  []string // the path, cut at the slashes; that of a parameter is ":" and its name in the document
	arguments map[string]*argument
	order     []*argument
	body      body
	promises  bool // it says what it answers with
}

// Method is the method of its requests.
func (t *Tool) Method() string { return t.method }

// Tools are the server's tools, in the order in which they are listed.
func (s *Server) Tools() []*Tool { return s.tools }

// Scopes are the scopes that tools need, but for those that depend on an argument, in their order.
func (s *Server) Scopes() []string {
	scopes := []string{}
	for _, t := range s.tools {
		for _, scope := range t.Route.Scopes {
			if !strings.Contains(scope, ":") && !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// Operation is an operation of a site's document, and the route that takes its requests: its own, or one that was written in its
// place.
type Operation struct {
	*openapi.Operation
	Route *route.Route
}

// New makes a server of a site's operations: each whose route leads to the backend and is not public becomes a tool, in their order.
// The warnings name what cannot be one.
func New(options Options, operations []Operation) (*Server, []string, error) {
	s := &Server{options: options, title: options.Title, byName: map[string]*Tool{}}
	m := maker{options: &s.options, used: map[*openapi.Selection]bool{}}
	for _, operation := range operations {
		r, o := operation.Route, operation.Operation
		if r.Public || r.Whoami || r.Describes || r.MCP || !m.chosen(o) {
			continue // what the gateway answers itself must not go to the backend, with the caller's key
		}
		if s.title == "" {
			s.title = o.Document().Title()
		}
		if s.release == "" {
			s.release = o.Document().Version()
		}
		m.add(r, o)
	}
	if err := m.finish(s); err != nil {
		return nil, nil, err
	}
	if len(m.tools) == 0 {
		m.warnings = append(m.warnings, "the MCP server has no tools: no operation of the document that tools and except leave is one")
	}
	return s, m.warnings, nil
}

// maker makes the tools of a server.
type maker struct {
	options  *Options
	used     map[*openapi.Selection]bool
	tools    []*Tool
	chosenBy map[*Tool]bool // whose name the configuration gave
	warnings []string
}

// chosen reports whether an operation is to be a tool.
func (m *maker) chosen(o *openapi.Operation) bool {
	takes := func(list []openapi.Selection) (is bool) {
		for n := range list {
			if list[n].Takes(o.Method, o.Path) {
				is, m.used[&list[n]] = true, true
			}
		}
		return is
	}
	left := takes(m.options.Except)
	return (takes(m.options.Tools) || len(m.options.Tools) == 0) && !left
}

func (m *maker) add(r *route.Route, o *openapi.Operation) {
	t := &Tool{Route: r, operation: o, method: o.Method}
	name, written := m.name(o)
	t.Name = name
	if err := t.describe(o, m.options.Outputs); err != nil {
		m.warnings = append(m.warnings, fmt.Sprintf("%s: %s %s is not a tool: %v", r.Source, o.Method, o.Path, err))
		return
	}
	if m.chosenBy == nil {
		m.chosenBy = map[*Tool]bool{}
	}
	m.chosenBy[t] = written
	m.tools = append(m.tools, t)
}

// name is what the configuration calls a tool, or the operation's id, or its method and path.
func (m *maker) name(o *openapi.Operation) (name string, written bool) {
	for n := range m.options.Names {
		if named := &m.options.Names[n]; named.Takes(o.Method, o.Path) {
			m.used[&named.Selection] = true
			return named.Tool, true
		}
	}
	name = o.ID
	if name == "" {
		name = strings.ToLower(o.Method) + "_" + strings.Trim(o.Path, "/")
	}
	return short(plain(name), o), false
}

// plain is a name in the characters that every client takes, without two underscores in a row.
func plain(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	if name = strings.TrimRight(b.String(), "_"); name == "" {
		return "tool"
	}
	return name
}

// short is a name that is not too long. What is cut off is told by a sum over method and path, which stays as long as these do.
func short(name string, o *openapi.Operation) string {
	if len(name) <= maxName {
		return name
	}
	return name[:maxName-7] + sum(o.Method, o.Path)
}

func sum(method, path string) string {
	of := sha256.Sum256([]byte(method + " " + path))
	return "_" + hex.EncodeToString(of[:3])
}

// finish names apart what has one name, and checks what the configuration says.
func (m *maker) finish(s *Server) error {
	var wrong []error
	for _, list := range [][]openapi.Selection{m.options.Tools, m.options.Except} {
		for n := range list {
			wrong = append(wrong, m.unused(&list[n]))
		}
	}
	for n := range m.options.Names {
		wrong = append(wrong, m.unusedName(n))
	}
	count := map[string]int{}
	for _, t := range m.tools {
		count[t.Name]++
	}
	for _, t := range m.tools {
		if count[t.Name] == 1 || m.chosenBy[t] {
			continue
		}
		o := t.operation
		name := cut(t.Name, maxName-7) + sum(o.Method, o.Path)
		m.warnings = append(m.warnings, fmt.Sprintf("%s: the tool of %s %s is called %s: another operation has the name %s; write 'name <tool> %s %s' to choose one",
			t.Route.Source, o.Method, o.Path, name, t.Name, o.Method, t.Route.Pattern))
		t.Name = name
	}
	for _, t := range m.tools {
		if other := s.byName[t.Name]; other != nil {
			wrong = append(wrong, fmt.Errorf("tool %s is %s %s and %s %s: give one of them another name",
				t.Name, other.method, other.Route.Pattern, t.method, t.Route.Pattern))
		}
		s.byName[t.Name] = t
		t.listed = append(appendText([]byte(`{"name":`), t.Name), t.listed...)
	}
	s.tools = m.tools
	return errors.Join(wrong...)
}

// unusedName tells a second name for an operation from one for none.
func (m *maker) unusedName(n int) error {
	name := &m.options.Names[n]
	for earlier := range m.options.Names[:n] {
		other := &m.options.Names[earlier]
		if !m.used[&name.Selection] && m.used[&other.Selection] && other.Takes(name.Methods[0], name.Path) {
			err := fmt.Errorf("%s %s has two names, %s and %s: remove one of them", name.Methods[0], name.Path, other.Tool, name.Tool)
			if name.Source != "" {
				err = fmt.Errorf("%s: %w", name.Source, err)
			}
			return err
		}
	}
	return m.unused(&name.Selection)
}

func (m *maker) unused(s *openapi.Selection) error {
	if m.used[s] {
		return nil
	}
	err := fmt.Errorf("no operation that could be a tool is %s %s: correct or remove it", strings.Join(s.Methods, ","), s.Path)
	if s.Source != "" {
		err = fmt.Errorf("%s: %w", s.Source, err)
	}
	return err
}

// CheckName says what is wrong with the name of a tool.
func CheckName(name string) error {
	if name == "" || len(name) > maxName || plain(name) != name && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return fmt.Errorf("'%s' is not a name for a tool: write 1 to %d letters, digits, '_' and '-'", name, maxName)
	}
	return nil
}

// annotations are the hints about a method (MCP 2026-07-28, "ToolAnnotations").
func annotations(method string) []byte {
	hints := map[string]bool{"readOnlyHint": method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions}
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}, method) {
		hints["idempotentHint"] = true
	}
	switch method {
	case http.MethodDelete:
		hints["destructiveHint"] = true
	case http.MethodPost:
		hints["destructiveHint"] = false
	}
	text, _ := json.Marshal(hints) // booleans can always be written
	return text
}
