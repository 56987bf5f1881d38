package cases

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http/httpguts"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictyaml"
)

// target is a request as it was written, before the defaults and the caller are known.
type target struct {
	line   string // "GET /leads"
	query  *string
	host   string
	ip     string
	header http.Header
	body   []byte
}

// target are the words of a request beside its first line.
func (p *parser) target(t *target) []strictyaml.Field {
	return []strictyaml.Field{
		strictyaml.May("query", p.query(&t.query)),
		strictyaml.May("host", p.Checked(&t.host, checkHost)),
		strictyaml.May("headers", p.headers(&t.header)),
		strictyaml.May("body", p.body(&t.body)),
		strictyaml.May("address", p.address(&t.ip)),
	}
}

// request is the request that comes of it all.
func (t *target) request(d *defaults, who *caller) (r Request, err error) {
	var method string
	method, r.Address, _ = strings.Cut(t.line, " ")
	r.Method, r.IP, r.Host = method, cmp.Or(t.ip, cmp.Or(who.ip, cmp.Or(d.ip, "127.0.0.1"))), cmp.Or(t.host, d.host)
	if t.query != nil {
		if strings.Contains(r.Address, "?") {
			return r, errors.New("the query is given twice: write it in the request, or as query")
		}
		r.Address += "?" + *t.query
	}
	switch isURL := !strings.HasPrefix(r.Address, "/"); {
	case isURL && t.host != "":
		return r, errors.New("the host is given twice: write it in the request, or as host")
	case isURL:
		r.Host = ""
	case strings.Contains(r.Host, "://"):
		r.Address, r.Host = strings.TrimSuffix(r.Host, "/")+r.Address, ""
	}
	if r.Header = d.header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	for name, values := range t.header {
		r.Header[name] = values
	}
	if r.Body = t.body; len(r.Body) > 0 && r.Header["Content-Type"] == nil {
		r.Header["Content-Type"] = []string{"application/json"}
	}
	return r, who.ask(&r)
}

// ask puts into the request who asks.
func (c *caller) ask(r *Request) error {
	given := r.Header["Authorization"] != nil
	if given && c.key != noKey {
		return errors.New("the case has an Authorization header, and a caller with a key: write as one with key: none, whom nobody knows")
	}
	secret := sentSecret
	switch c.key {
	case noKey:
		return nil
	case unknownKey:
		secret = unknownSecret
	case "":
		r.Identity = c.identity
	default:
		r.KeyID = c.key
	}
	r.Header["Authorization"] = []string{"Bearer " + secret}
	return nil
}

// checkRequest refuses what is not a method and an address. Whether the server takes them is the judge's affair.
func checkRequest(text string) error {
	method, address, found := strings.Cut(text, " ")
	if !found || !httpguts.ValidHeaderFieldName(method) || address == "" || strings.ContainsAny(address, " \t\r\n") ||
		!strings.HasPrefix(address, "/") && !strings.Contains(address, "://") {
		return fmt.Errorf("%q is not a request: write a method and a path or URL, as in GET /leads", text)
	}
	return nil
}

func checkHost(text string) error {
	name := text
	if scheme, rest, found := strings.Cut(text, "://"); found {
		if name = strings.TrimSuffix(rest, "/"); scheme != "http" && scheme != "https" {
			name = ""
		}
	}
	if name == "" || strings.ContainsAny(name, "/?#@") || !httpguts.ValidHostHeader(name) {
		return fmt.Errorf("%q is not a host: write one such as api.example.com or https://api.example.com:8443", text)
	}
	return nil
}

func checkCaseName(text string) error {
	if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("%q is not a name: write one line", text)
	}
	return nil
}

// query reads a query: as text, byte for byte, or as names with a value or a list of them.
func (p *parser) query(to **string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.MappingNode {
			text, err := p.Text(n)
			*to = &text
			return err
		}
		var pairs []string
		err := p.values(n, "query", func(_ *yaml.Node, name, value string) error {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
			return nil
		})
		text := strings.Join(pairs, "&")
		*to = &text
		return err
	}
}

// headers reads header fields.
func (p *parser) headers(to *http.Header) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		*to = http.Header{}
		return p.values(n, "headers", func(at *yaml.Node, name, value string) error {
			switch canonical := http.CanonicalHeaderKey(name); {
			case !httpguts.ValidHeaderFieldName(name):
				return p.Errorf(at, "%q is not the name of a header field", name)
			case !httpguts.ValidHeaderFieldValue(value):
				return p.Errorf(at, "the value of %s cannot stand in a header field", name)
			case canonical == "Host":
				return p.Errorf(at, "the host does not stand among the headers: write host")
			case canonical == "Content-Length":
				return p.Errorf(at, "the length of the body is known: leave out Content-Length")
			default:
				(*to)[canonical] = append((*to)[canonical], value)
				return nil
			}
		})
	}
}

// values reads names, each with a value or a list of them.
func (p *parser) values(n *yaml.Node, what string, use func(at *yaml.Node, name, value string) error) error {
	return p.Each(n, what, func(name string, _, value *yaml.Node) error {
		one := func(n *yaml.Node) error {
			text, err := p.Text(n)
			if err != nil {
				return err
			}
			return use(n, name, text)
		}
		if value.Kind == yaml.SequenceNode {
			return p.List(value, name, one)
		}
		return one(value)
	})
}

// body reads a body: a mapping or a list is sent as JSON, text as it is.
func (p *parser) body(to *[]byte) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind == yaml.ScalarNode {
			text, err := p.Text(n)
			*to = []byte(text)
			return err
		}
		value, err := p.Value(n, "body")
		if err != nil {
			return err
		}
		if *to, err = json.Marshal(value); err != nil {
			return p.Errorf(n, "the body cannot be written as JSON: %w", err)
		}
		return nil
	}
}
