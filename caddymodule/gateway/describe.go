package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/describe"
	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Describe serves what tells callers what they may do: SKILL.md, openapi.json and llms.txt under a path, and the index of skills and
// the API catalogue under /.well-known. Who comes with a key is told what that key may call, who comes without one what is public.
type Describe struct {
	// Path is where the documents lie, such as /api.
	Path string `json:"path"`
	describe.Options
	// IntroFile is Markdown that stands in front of the operations of SKILL.md. It may hold placeholders.
	IntroFile string `json:"intro_file,omitempty"`
	// Limit is how many requests for each document one client address may send without a key, and each key. Default: 60/1m.
	Limit record.Window `json:"limit,omitzero"`
	// Folder is where a relative path starts. Default: the working directory.
	Folder string `json:"folder,omitempty"`
	// Source is the file and line it was written at, for errors.
	Source string `json:"source,omitempty"`
}

// defaultDescribeLimit is Describe.Limit where nothing is written.
var defaultDescribeLimit = record.Window{Limit: 60, Duration: time.Minute}

// routes are those of the documents.
func (d *Describe) routes() (list []*Route) {
	if d == nil {
		return nil
	}
	limit := d.Limit
	if limit == (record.Window{}) {
		limit = defaultDescribeLimit
	}
	for _, kind := range describe.Kinds() {
		list = append(list, &Route{Methods: []string{http.MethodGet}, Path: kind.Path(d.under()), Describes: true, Limit: limit, Source: d.Source})
	}
	return list
}

// under is the path without a final slash.
func (d *Describe) under() string { return strings.TrimSuffix(d.Path, "/") }

// check says what is wrong with the options.
func (d *Describe) check() error {
	if strings.ContainsAny(d.Path, "{}:*?#") || !strings.HasPrefix(d.Path, "/") || len(d.Path) > 1 && strings.HasSuffix(d.Path, "/") {
		return fmt.Errorf("path '%s' is not valid: write where the documents are to lie, without placeholders, parameters and a final '/', such as /api", d.Path)
	}
	if _, err := target.Parse(d.Path, d.Path); err != nil {
		return fmt.Errorf("path '%s' is not valid: %w", d.Path, err)
	}
	for _, part := range []struct {
		text  string
		check func(string) error
	}{{d.Name, describe.CheckName}, {d.Description, describe.CheckDescription}, {d.Title, describe.CheckTitle}, {d.Contact, describe.CheckContact}} {
		if part.text == "" {
			continue
		}
		if err := part.check(part.text); err != nil {
			return err
		}
	}
	for n := range d.Except {
		if err := d.Except[n].Check(); err != nil {
			return err
		}
	}
	return nil
}

// describes makes what tells of a site's routes, where it has a describe.
func (h *Handler) describes(s *siteRoutes) error {
	d := h.Describe
	if d == nil {
		return nil
	}
	wrong := func(err error) error { return fmt.Errorf("%s: describe: %w", cmp.Or(d.Source, "tollgate"), err) }
	if err := d.check(); err != nil {
		return wrong(err)
	}
	options := d.Options
	options.Path, options.Plans, options.Document = d.under(), h.app.planTable, s.document
	if h.MCP != nil {
		options.MCP = h.MCP.Path
	}
	if d.IntroFile != "" {
		path, err := dispenser.Resolve(d.IntroFile, d.Folder)
		if err == nil {
			options.Intro, err = readIntro(path)
		}
		if err != nil {
			return wrong(err)
		}
	}
	var err error
	if s.tells, err = describe.New(options, s.table.Routes(), s.replaced); err != nil {
		return wrong(err)
	}
	if s.anybody = gate.Anybody(s.table); d.Everything {
		s.anybody = gate.All(s.table)
	}
	return nil
}

func readIntro(path string) (string, error) {
	text, err := readText("intro", path, describe.MaxIntro)
	if err != nil {
		return "", err
	}
	if err := describe.CheckIntro(text); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(text), nil
}

// parseDescribe reads the word describe. Its grammar stands with that of the directive.
func (h *Handler) parseDescribe(d *caddyfile.Dispenser) error {
	o := &Describe{Source: dispenser.Source(d), Folder: dispenser.Folder(d)}
	if !d.Args(&o.Path) || d.NextArg() {
		return errors.New("write one path, under which the documents are to lie, such as: describe /api")
	}
	if err := o.check(); err != nil {
		return err
	}
	h.Describe = o
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := describeOptions[word]
		switch {
		case !known:
			return dispenser.Located(d, word, fmt.Errorf("unknown option '%s' of describe: write one of skill, intro, title, contact, except, limit, everything", word))
		case seen[word] && word != "except":
			return dispenser.Located(d, word, fmt.Errorf("'%s' is given twice: keep one of them", word))
		}
		seen[word] = true
		if err := parse(o, d); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	return nil
}

// describeOptions are the words of the block of describe.
var describeOptions = map[string]func(*Describe, *caddyfile.Dispenser) error{
	"skill": func(o *Describe, d *caddyfile.Dispenser) error {
		if !d.Args(&o.Name, &o.Description) || d.NextArg() {
			return errors.New(`write the skill's name and what it is for, such as: skill acme-leads "Read and write the leads of Acme. Use it when …"`)
		}
		if err := describe.CheckName(o.Name); err != nil {
			return err
		}
		return describe.CheckDescription(o.Description)
	},
	"intro": func(o *Describe, d *caddyfile.Dispenser) error {
		if !d.Args(&o.IntroFile) || d.NextArg() {
			return errors.New("write the path of one Markdown file, such as: intro ./intro.md")
		}
		o.IntroFile = dispenser.Absolute(d, o.IntroFile)
		return nil
	},
	"title": func(o *Describe, d *caddyfile.Dispenser) error {
		if !d.Args(&o.Title) || d.NextArg() {
			return errors.New(`write one text, such as: title "Leads of Acme"`)
		}
		return describe.CheckTitle(o.Title)
	},
	"contact": func(o *Describe, d *caddyfile.Dispenser) error {
		if !d.Args(&o.Contact) || d.NextArg() {
			return errors.New("write one address, such as: contact api@example.com")
		}
		return describe.CheckContact(o.Contact)
	},
	"except": func(o *Describe, d *caddyfile.Dispenser) error { return parseSelection(d, &o.Except) },
	"limit": func(o *Describe, d *caddyfile.Dispenser) (err error) {
		var text string
		if !d.Args(&text) || d.NextArg() {
			return errors.New("write one window, such as: limit 60/1m")
		}
		o.Limit, err = record.ParseWindow(text)
		return err
	},
	"everything": func(o *Describe, d *caddyfile.Dispenser) error {
		if o.Everything = true; d.NextArg() {
			return errors.New("takes no more words: it tells whoever comes without a key of all operations")
		}
		return nil
	},
}

// describe answers with one of the documents: for the caller where it sent a key, for anybody where it did not.
func (c *call) describe() error {
	live := c.handler.live.Load()
	var kind describe.Kind
	for _, one := range describe.Kinds() {
		if c.verdict.Match.Route.Pattern == one.Path(c.handler.Describe.under()) {
			kind = one
		}
	}
	caller, public := &describe.Caller{Base: c.base(), Routes: live.anybody.Routes, Key: live.anybody.Key()}, c.verdict.Identity == nil || kind.Everywhere()
	if !public {
		callable, refused := c.callable(live)
		if refused != nil {
			c.writer.Refuse(refused)
			return nil
		}
		caller = c.describedCaller(callable)
	}
	text, err := live.tells.Document(kind, caller)
	if err != nil {
		c.writer.Refuse(&refusal.Refusal{Kind: refusal.Internal, Cause: err})
		return nil
	}
	c.document(kind, text, public)
	return nil
}

// describedCaller is the caller of a request with a key, for documents that tell it what it may do.
func (c *call) describedCaller(callable gate.Callable) *describe.Caller {
	caller := &describe.Caller{Base: c.base(), Routes: callable.Routes, Key: callable.Key(), Plan: c.verdict.Plan}
	if !caller.Plan.Denied {
		caller.Limits = caller.Plan.Limits(c.verdict.Identity.Workspace, c.verdict.Identity.Key)
	}
	return caller
}

// document is the answer.
func (c *call) document(kind describe.Kind, text []byte, public bool) {
	h := c.writer.Header()
	h.Set("Content-Type", kind.Type())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Authorization")
	h.Set("Cache-Control", "private, no-cache")
	if kind == describe.Catalog {
		h.Add("Link", "<"+describe.Catalog.Path("")+`>; rel="api-catalog"`) // RFC 9727, section 2
	}
	if public {
		sum := sha256.Sum256(text)
		tag := `"` + hex.EncodeToString(sum[:16]) + `"`
		h.Set("Cache-Control", "public, max-age=60")
		h.Set("ETag", tag)
		if matches(c.request.Header["If-None-Match"], tag) {
			delete(h, "Content-Type")
			c.writer.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	c.writer.WriteHeader(http.StatusOK)
	if c.request.Method != http.MethodHead {
		_, _ = c.writer.Write(text) // an error here is the client's leaving
	}
}

// matches reports whether If-None-Match names an entity tag (RFC 9110, section 13.1.2).
func matches(given []string, tag string) bool {
	for _, line := range given {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// pointToDescription has a refusal that leaves a caller without a way name the description (RFC 8631).
func (c *call) pointToDescription() {
	if d := c.handler.Describe; d != nil {
		switch c.verdict.Refusal.StatusCode() {
		case http.StatusUnauthorized, http.StatusNotFound:
			c.writer.Header().Add("Link", "<"+describe.OpenAPI.Path(d.under())+`>; rel="service-desc"`)
		}
	}
}

// maxHost is the longest name of a host, with a port.
const maxHost = 253 + len(":65535")

// base is scheme and host of the site as the client knows it; "": the host is not one that can stand in a document or a header.
func (c *call) base() string {
	host := c.request.Host
	if host == "" || len(host) > maxHost || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" {
		return ""
	}
	if at, err := url.Parse("//" + host); err != nil || at.Hostname() == "" || strings.ContainsAny(at.Hostname(), "[]") {
		return ""
	}
	scheme := "http://"
	if c.request.TLS != nil || fromTrustedProxy(c.vars) && strings.EqualFold(c.request.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https://"
	}
	return scheme + host
}
