package cases

import (
	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
)

// table is requests, each with the same callers.
type table struct {
	name    string
	callers []string
	known   []*caller
}

// table reads a table.
func (p *parser) table(node *yaml.Node) error {
	var t table
	var callers, rows *yaml.Node
	err := p.Fields(node, "a table",
		strictyaml.Must("name", p.Checked(&t.name, checkCaseName)),
		strictyaml.Must("callers", func(n *yaml.Node) error { callers = n; return nil }),
		strictyaml.Must("rows", func(n *yaml.Node) error { rows = n; return nil }))
	if err != nil {
		return err
	}
	err = p.List(callers, "callers", func(n *yaml.Node) error {
		name, err := p.Text(n)
		if err != nil {
			return err
		}
		who, err := p.known(n, name)
		t.callers, t.known = append(t.callers, name), append(t.known, who)
		return err
	})
	if err != nil {
		return err
	}
	if len(t.callers) == 0 {
		return p.Errorf(callers, "the table has no caller: write the names of some")
	}
	return p.Each(rows, "rows", func(line string, key, value *yaml.Node) error {
		if err := checkRequest(line); err != nil {
			return p.Errorf(key, "%w", err)
		}
		return p.row(&t, line, value)
	})
}

// row reads what must come of one request with each caller of the table.
func (p *parser) row(t *table, line string, node *yaml.Node) error {
	to := target{line: line}
	var beside Want
	expect := node
	if node.Kind == yaml.MappingNode {
		fields := append([]strictyaml.Field{strictyaml.Must("expect", func(n *yaml.Node) error { expect = n; return nil })}, p.target(&to)...)
		if err := p.Fields(node, "a row", append(fields, p.common(&beside)...)...); err != nil {
			return err
		}
	}
	if expect.Kind != yaml.SequenceNode {
		return p.cells(t, &to, &beside, func(int) *yaml.Node { return expect })
	}
	if len(expect.Content) != len(t.callers) {
		return p.Errorf(expect, "the row has %d expectations, and the table %d callers (%s): write one for each, or a single one for all", len(expect.Content), len(t.callers), words(t.callers))
	}
	return p.cells(t, &to, &beside, func(n int) *yaml.Node { return expect.Content[n] })
}

// cells makes a case for each caller. What the row says of a charge holds for those that pass.
func (p *parser) cells(t *table, to *target, beside *Want, cell func(int) *yaml.Node) error {
	for n, name := range t.callers {
		node := cell(n)
		var said Want
		if err := p.expectation(&said)(node); err != nil {
			return err
		}
		c := Case{Name: t.name + ": " + to.line + " as " + name, File: p.Name, Line: node.Line, Caller: name, Want: *beside}
		if said.Kind != Pass {
			c.Want.Charge = nil
		}
		if err := c.Want.adopt(&said); err != nil {
			return p.Errorf(node, "%w", err)
		}
		if err := c.Want.fit(p, node); err != nil {
			return err
		}
		if err := p.add(node, &c, t.known[n], to); err != nil {
			return err
		}
	}
	return nil
}
