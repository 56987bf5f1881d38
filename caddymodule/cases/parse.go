package cases

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// maxSize is the longest file of cases, in bytes.
const maxSize = 16 << 20

// Parse reads a file of cases, YAML or JSON. Its errors name the file, the line and what to do.
func Parse(name string, data []byte) ([]Case, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: the file has %d bytes, at most %d are read: write several files", name, len(data), maxSize)
	}
	p := parser{Reader: strictyaml.Reader{Name: name}, callers: map[string]*caller{}, named: map[string]int{}}
	root, err := p.Document(data, "write cases or tables into it", "write all cases into one, or another file")
	if err != nil {
		return nil, err
	}
	if err := p.file(root); err != nil {
		return nil, err
	}
	if len(p.cases) == 0 {
		return nil, p.Errorf(root, "the file has no case: write cases or tables into it")
	}
	return p.cases, nil
}

// parser walks the nodes of a file.
type parser struct {
	strictyaml.Reader
	defaults defaults
	callers  map[string]*caller
	cases    []Case
	named    map[string]int // where a case's name was first seen
}

// defaults hold for all cases of the file that say nothing else.
type defaults struct {
	plan   string
	host   string
	ip     string
	header http.Header
	charge *int64
}

// file reads what stands first first, wherever it stands: defaults before callers, callers before those who name them.
func (p *parser) file(root *yaml.Node) error {
	var parts [4]*yaml.Node
	part := func(n int) func(*yaml.Node) error {
		return func(node *yaml.Node) error { parts[n] = node; return nil }
	}
	err := p.Fields(root, "the file", strictyaml.May("defaults", part(0)), strictyaml.May("callers", part(1)),
		strictyaml.May("tables", part(2)), strictyaml.May("cases", part(3)))
	if err != nil {
		return err
	}
	for n, read := range []func(*yaml.Node) error{
		p.readDefaults, p.readCallers,
		func(node *yaml.Node) error { return p.List(node, "tables", p.table) },
		func(node *yaml.Node) error { return p.List(node, "cases", p.single) },
	} {
		if parts[n] == nil {
			continue
		}
		if err := read(parts[n]); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) readDefaults(node *yaml.Node) error {
	return p.Fields(node, "defaults",
		strictyaml.May("plan", p.Checked(&p.defaults.plan, record.CheckID)),
		strictyaml.May("charge", p.charge(&p.defaults.charge)),
		strictyaml.May("address", p.address(&p.defaults.ip)),
		strictyaml.May("host", p.Checked(&p.defaults.host, checkHost)),
		strictyaml.May("headers", p.headers(&p.defaults.header)))
}

func (p *parser) readCallers(node *yaml.Node) error {
	return p.Each(node, "callers", func(name string, key, value *yaml.Node) error {
		if err := record.CheckName(name); err != nil {
			return p.Errorf(key, "%w", err)
		}
		c, err := p.caller(value)
		p.callers[name] = c
		return err
	})
}

// single reads a case of its own.
func (p *parser) single(node *yaml.Node) error {
	c := Case{File: p.Name, Line: node.Line}
	var as *yaml.Node
	var t target
	want := wanted{}
	fields := append([]strictyaml.Field{
		strictyaml.May("name", p.Checked(&c.Name, checkCaseName)),
		strictyaml.Must("as", func(n *yaml.Node) error { as = n; return nil }),
		strictyaml.Must("request", p.Checked(&t.line, checkRequest)),
		strictyaml.Must("expect", p.expectation(&want.said)),
	}, append(p.target(&t), p.more(&want)...)...)
	if err := p.Fields(node, "a case", fields...); err != nil {
		return err
	}
	who, err := p.who(as, &c)
	if err != nil {
		return err
	}
	if err := want.settle(p, node); err != nil {
		return err
	}
	c.Want = want.Want
	return p.add(node, &c, who, &t)
}

// who is who asks: a caller by its name, or one who is described here.
func (p *parser) who(as *yaml.Node, c *Case) (*caller, error) {
	if as.Kind == yaml.MappingNode {
		if c.Name == "" {
			return nil, p.Errorf(as, "a case that describes its caller needs a name: write name")
		}
		return p.caller(as)
	}
	name, err := p.Text(as)
	if err != nil {
		return nil, err
	}
	c.Caller = name
	return p.known(as, name)
}

func (p *parser) known(node *yaml.Node, name string) (*caller, error) {
	if who := p.callers[name]; who != nil {
		return who, nil
	}
	names := map[string]bool{}
	for known := range p.callers {
		names[known] = true
	}
	return nil, p.Errorf(node, "there is no caller %q: write it under callers; known are %s", name, cmp.Or(words(sorted(names)), "none"))
}

// add completes a case and takes it up.
func (p *parser) add(node *yaml.Node, c *Case, who *caller, t *target) error {
	if c.Name == "" {
		c.Name = t.line + " as " + c.Caller
	}
	if line, seen := p.named[c.Name]; seen {
		return p.Errorf(node, "a case %q already stands in line %d: give this one a name of its own", c.Name, line)
	}
	p.named[c.Name] = node.Line
	var err error
	if c.Request, err = t.request(&p.defaults, who); err != nil {
		return p.Errorf(node, "%w", err)
	}
	if c.Want.Kind == Pass && c.Want.Charge == nil {
		c.Want.Charge = p.defaults.charge
	}
	p.cases = append(p.cases, *c)
	return nil
}

func (p *parser) address(to *string) func(*yaml.Node) error {
	return p.Checked(to, func(text string) error {
		if _, err := netip.ParseAddr(text); err != nil {
			return fmt.Errorf("%q is not an IP address", text)
		}
		return nil
	})
}

func (p *parser) expectation(to *Want) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(text string) (err error) {
			*to, err = ParseWant(text)
			return err
		})
	}
}
