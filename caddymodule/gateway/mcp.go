package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/size"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
	"github.com/tollgate-gateway/tollgate/caddymodule/mcp"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// MCP serves the operations of a site's document as tools of the Model Context Protocol.
type MCP struct {
	// Path is where, such as /mcp.
	Path string `json:"path"`
	mcp.Options
	// InstructionsFile is a text that clients' models read before they use the tools. It may hold placeholders.
	InstructionsFile string `json:"instructions_file,omitempty"`
	// Cost is what a request to the path takes from each window, besides what the call of a tool takes. Default: nothing.
	Cost int64 `json:"cost,omitempty"`
	// Folder is where a relative path starts. Default: the working directory.
	Folder string `json:"folder,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// maxInstructions is the longest text of instructions, in bytes.
const maxInstructions = 64 << 10

// wellKnown is where clients look for what a protected resource says of itself (RFC 9728, section 3.1).
const wellKnown = "/.well-known/oauth-protected-resource"

// routes are those that the server needs: its own, and what tells clients how to authenticate.
func (m *MCP) routes() []*Route {
	if m == nil {
		return nil
	}
	return []*Route{
		{Methods: []string{"POST", "GET", "DELETE"}, Path: m.Path, Cost: m.Cost, MCP: true, Source: m.Source},
		{Methods: []string{"GET"}, Path: wellKnown, Public: true, MCP: true, Source: m.Source},
		{Methods: []string{"GET"}, Path: wellKnown + m.Path, Public: true, MCP: true, Source: m.Source},
	}
}

// check says what is wrong with the options.
func (m *MCP) check() error {
	if strings.ContainsAny(m.Path, "{}:*?#") || strings.HasSuffix(m.Path, "/") {
		return fmt.Errorf("path '%s' is not valid: write it without placeholders, parameters and a final '/', such as /mcp", m.Path)
	}
	if _, err := target.Parse(m.Path, m.Path); err != nil {
		return fmt.Errorf("path '%s' is not valid: %w", m.Path, err)
	}
	for _, origin := range m.Origins {
		if err := mcp.CheckOrigin(origin); err != nil {
			return err
		}
	}
	for n := range m.Names {
		if err := mcp.CheckName(m.Names[n].Tool); err != nil {
			return err
		}
	}
	if m.MaxResult < 0 || m.MaxResult > 64<<20 {
		return errors.New("max_result is not valid: write a size from 1B to 64MiB")
	}
	return nil
}

// serverOf makes the server of a site's routes; nil: it has none.
func (h *Handler) serverOf(s *siteRoutes) (*mcp.Server, []string, error) {
	m := h.MCP
	if m == nil {
		return nil, nil, nil
	}
	wrong := func(err error) error { return fmt.Errorf("%s: mcp: %w", cmp.Or(m.Source, "tollgate"), err) }
	if h.OpenAPI == nil {
		return nil, nil, wrong(errors.New("the site has no openapi: tools are made of the operations of a document; write openapi <file>"))
	}
	if err := m.check(); err != nil {
		return nil, nil, wrong(err)
	}
	options := m.Options
	options.Outputs = h.OpenAPI.Responses == "log" // the operator then hears of answers that clients refuse
	if m.InstructionsFile != "" {
		path, err := dispenser.Resolve(m.InstructionsFile, m.Folder)
		if err != nil {
			return nil, nil, wrong(err)
		}
		if options.Instructions, err = readInstructions(path); err != nil {
			return nil, nil, wrong(err)
		}
	}
	server, warnings, err := mcp.New(options, s.operations())
	if err != nil {
		return nil, nil, wrong(err)
	}
	return server, warnings, nil
}

// operations are those of the document, in its order, with the routes that take their requests.
func (s *siteRoutes) operations() (list []mcp.Operation) {
	add := func(described, taker *route.Route) {
		if o := openapi.OperationOf(described); o != nil {
			list = append(list, mcp.Operation{Operation: o, Route: taker})
		}
	}
	for _, r := range s.table.Routes() {
		add(r, r)
	}
	for _, r := range s.replaced {
		add(r.Route, r.By)
	}
	slices.SortStableFunc(list, func(a, b mcp.Operation) int { return cmp.Compare(s.place[a.Operation], s.place[b.Operation]) })
	return list
}

func readInstructions(path string) (string, error) {
	text, err := readText("instructions", path, maxInstructions)
	switch {
	case err != nil:
		return "", err
	case len(text) > maxInstructions || !utf8.Valid(text):
		return "", fmt.Errorf("%s: instructions are a text in UTF-8 of at most 64 KiB", path)
	}
	return strings.TrimSpace(string(text)), nil
}

// readText reads a file that the configuration names, but for what is longer than most and a byte, which whoever asks refuses.
func readText(what, path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	return text, nil
}

// parseMCP reads the word mcp. Its grammar stands with that of the directive.
func (h *Handler) parseMCP(d *caddyfile.Dispenser) error {
	m := &MCP{Source: dispenser.Source(d), Folder: dispenser.Folder(d)}
	if !d.Args(&m.Path) || d.NextArg() {
		return errors.New("write one path, such as: mcp /mcp")
	}
	h.MCP = m
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := mcpOptions[word]
		switch {
		case !known:
			return dispenser.Located(d, word, fmt.Errorf("unknown option '%s' of mcp: write one of tools, except, name, title, instructions, max_result, cost, origins", word))
		case seen[word] && word != "tools" && word != "except" && word != "name":
			return dispenser.Located(d, word, fmt.Errorf("'%s' is given twice: keep one of them", word))
		}
		seen[word] = true
		if err := parse(m, d); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	return m.check()
}

// mcpOptions are the words of the block of mcp.
var mcpOptions = map[string]func(*MCP, *caddyfile.Dispenser) error{
	"tools":  func(m *MCP, d *caddyfile.Dispenser) error { return parseSelections(d, &m.Tools) },
	"except": func(m *MCP, d *caddyfile.Dispenser) error { return parseSelections(d, &m.Except) },
	"name": func(m *MCP, d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) != 3 {
			return errors.New("write the tool's name, and the method and path of the operation, such as: name find_leads GET /leads")
		}
		if err := mcp.CheckName(args[0]); err != nil {
			return err
		}
		name := mcp.Name{Tool: args[0], Selection: openapi.Selection{Methods: []string{args[1]}, Path: args[2], Source: dispenser.Source(d)}}
		m.Names = append(m.Names, name)
		if strings.HasSuffix(name.Path, "*") {
			return errors.New("a name is for one operation: write its path without '*'")
		}
		return name.Check()
	},
	"title": func(m *MCP, d *caddyfile.Dispenser) error { return parseWord(d, &m.Title) },
	"instructions": func(m *MCP, d *caddyfile.Dispenser) error {
		if err := parseWord(d, &m.InstructionsFile); err != nil {
			return err
		}
		m.InstructionsFile = dispenser.Absolute(d, m.InstructionsFile)
		return nil
	},
	"max_result": func(m *MCP, d *caddyfile.Dispenser) (err error) {
		var text string
		if err := parseWord(d, &text); err != nil {
			return err
		}
		m.MaxResult, err = size.Parse(text, 64<<20)
		return err
	},
	"cost": func(m *MCP, d *caddyfile.Dispenser) (err error) {
		var text string
		if err := parseWord(d, &text); err != nil {
			return err
		}
		if m.Cost, err = strconv.ParseInt(text, 10, 64); err != nil || m.Cost < 1 {
			return fmt.Errorf("cost '%s' is not a whole number of at least 1", text)
		}
		return nil
	},
	"origins": func(m *MCP, d *caddyfile.Dispenser) error {
		if m.Origins = d.RemainingArgs(); len(m.Origins) == 0 {
			return errors.New("write at least one origin, such as: origins https://chat.example.com")
		}
		return nil
	},
}

func parseWord(d *caddyfile.Dispenser, into *string) error {
	if !d.Args(into) || d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// parseSelections reads methods and one or more paths.
func parseSelections(d *caddyfile.Dispenser, into *[]openapi.Selection) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return errors.New("write methods and at least one path, such as: GET /leads /leads/:id")
	}
	if err := methodsFirst(args); err != nil {
		return err
	}
	for _, path := range args[1:] {
		s := openapi.Selection{Methods: strings.Split(args[0], ","), Path: path, Source: dispenser.Source(d)}
		if err := s.Check(); err != nil {
			return err
		}
		*into = append(*into, s)
	}
	return nil
}
