package cases

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
)

// wanted is an expectation with the words that stand beside it.
type wanted struct {
	Want
	// said is what stands behind "expect".
	said         Want
	code, reason string
}

// common are the words that may stand beside the expectation of a case, and of a row.
func (p *parser) common(w *Want) []strictyaml.Field {
	return []strictyaml.Field{
		strictyaml.May("route", p.pointer(&w.Route)),
		strictyaml.May("scopes", p.names(&w.Scopes, "scopes")),
		strictyaml.May("charge", p.charge(&w.Charge)),
	}
}

// more are all the words that may stand beside the expectation of a case.
func (p *parser) more(w *wanted) []strictyaml.Field {
	return append([]strictyaml.Field{
		strictyaml.May("code", p.Checked(&w.code, func(string) error { return nil })),
		strictyaml.May("reason", p.Checked(&w.reason, func(string) error { return nil })),
		strictyaml.May("message", p.pointer(&w.Message)),
		strictyaml.May("details", func(n *yaml.Node) error {
			details, err := p.Object(n, "details")
			if err != nil {
				return err
			}
			if w.Details = json.RawMessage("null"); len(details) > 0 {
				w.Details, err = json.Marshal(details)
			}
			return err
		}),
		strictyaml.May("missing", p.names(&w.Missing, "missing")),
	}, p.common(&w.Want)...)
}

// settle brings the expectation and the words beside it together.
func (w *wanted) settle(p *parser, node *yaml.Node) error {
	if err := w.adopt(&w.said); err != nil {
		return p.Errorf(node, "%w", err)
	}
	if w.Kind != Refused {
		if w.code != "" || w.reason != "" || w.Message != nil || w.Details != nil || w.Missing != nil {
			return p.Errorf(node, "the case expects %s: code, reason, message, details and missing are those of a refusal", &w.Want)
		}
	}
	if w.code != "" && w.Code != "" && w.code != w.Code || w.reason != "" && w.Reason != "" && w.reason != w.Reason {
		return p.Errorf(node, "the case expects %s, and something else beside it: keep one of the two", &w.said)
	}
	w.Code, w.Reason = cmp.Or(w.code, w.Code), cmp.Or(w.reason, w.Reason)
	if w.Kind == Refused {
		if err := w.check(); err != nil {
			return p.Errorf(node, "%w", err)
		}
	}
	return w.fit(p, node)
}

// adopt takes over what stands behind "expect". What stands beside it is there already.
func (w *Want) adopt(said *Want) error {
	if w.Charge != nil && said.Charge != nil && *w.Charge != *said.Charge {
		return fmt.Errorf("the case expects to take %d, and %d beside it: keep one of the two", *said.Charge, *w.Charge)
	}
	w.Kind, w.Status, w.Code, w.Reason = said.Kind, said.Status, said.Code, said.Reason
	if said.Charge != nil {
		w.Charge = said.Charge
	}
	return nil
}

// fit refuses a charge that the outcome never has.
func (w *Want) fit(p *parser, node *yaml.Node) error {
	switch {
	case w.Charge == nil:
	case w.Kind != Pass && *w.Charge != 0:
		return p.Errorf(node, "the case expects %s, which takes nothing: leave out charge", w)
	case w.Kind == Pass && *w.Charge == 0:
		return p.Errorf(node, "what passes takes at least 1: write charge: 1, or expect public or whoami")
	}
	return nil
}

func (p *parser) charge(to **int64) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(text string) error {
			charge, err := strconv.ParseInt(text, 10, 64)
			if err != nil || charge < 0 {
				return fmt.Errorf("%q is not what a request takes: write a whole number", text)
			}
			*to = &charge
			return nil
		})
	}
}

func (p *parser) pointer(to **string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return p.Parsed(n, func(text string) error {
			*to = &text
			return nil
		})
	}
}

func (p *parser) names(to *[]string, what string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		*to = []string{}
		return p.Texts(n, what, func(text string) error {
			*to = append(*to, text)
			return nil
		})
	}
}
