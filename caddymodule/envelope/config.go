package envelope

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// DefaultMaxBody is how much of an error body is read where the configuration says nothing, in bytes.
const DefaultMaxBody = 64 << 10

// bodyTimeout is how long an error body may take to arrive, from its header on.
const bodyTimeout = 2 * time.Second

// Config is the `errors` block of a site.
type Config struct {
	// Off passes the backend's errors as they are; with it all else but MaxBody must be left out. Two rules stay: a 401 is
	// UpstreamCredential where Options.Credential says so, and where Options.Secret is set, an error body is held until it is
	// whole, and the standard message takes its place if it holds a secret, or was not whole in time or within MaxBody.
	Off bool
	// SoftFailures takes a 200 or 201 whose JSON says `"success": false` for an error.
	SoftFailures bool
	// KeepErrors adds `"errors": [{"message": …}]` to every envelope, for clients that look for the backend's own shape: the
	// envelope's message, then one entry for each detail, in the order of their names.
	KeepErrors bool
	// MaxBody is the longest error body that is read, in bytes after decoding. It must be positive.
	MaxBody int64
	// Places say where errors of a format of its own have message, fields and code.
	Places Places
	// Rules classify messages, in order: the first that matches wins.
	Rules []Rule
}

// Rule is one `classify` line: what a message means.
type Rule struct {
	// Code is what a message that matches means.
	Code refusal.Code
	// Status is the HTTP status of the answer, from 400 to 599; it must be one that goes with the code. 0: the backend's, and
	// for a soft failure the code's.
	Status int
	// Pattern is a regular expression (RE2). Its named group `field`, if it has one, names the field at
	// fault; of several, the first that matched.
	Pattern string
	// Source is where the rule was written ("Caddyfile:12"); errors begin with it. It may be empty.
	Source string
}

// Mapper maps backends' error bodies to the envelope, by the configuration of one site. It is immutable.
type Mapper struct {
	off     bool
	soft    bool
	keep    bool
	maxBody int
	timeout time.Duration
	places  places
	rules   []rule
}

type rule struct {
	code    refusal.Code
	status  int // 0: none of its own
	pattern *regexp.Regexp
	fields  []int // indices of the groups named `field`
}

// NewMapper checks the configuration and compiles it. All mistakes are found here, none at request time.
func NewMapper(c Config) (*Mapper, error) {
	if c.MaxBody <= 0 || c.MaxBody > MostBody {
		return nil, fmt.Errorf("reading max_body: it is %d bytes: write 1 to %d, or leave it out for %d", c.MaxBody, MostBody, DefaultMaxBody)
	}
	if c.Off && (c.SoftFailures || c.KeepErrors || len(c.Rules) > 0 || c.Places != Places{}) {
		return nil, errors.New("reading off: nothing is mapped, so that soft_failures, keep_errors, classify, message, fields and code say nothing: drop them, or off")
	}
	m := &Mapper{off: c.Off, soft: c.SoftFailures, keep: c.KeepErrors, maxBody: int(c.MaxBody), timeout: bodyTimeout}
	var err error
	if m.places, err = c.Places.compile(); err != nil {
		return nil, err
	}
	for _, r := range c.Rules {
		compiled, err := r.compile()
		if err != nil && r.Source != "" {
			return nil, fmt.Errorf("%s: %w", r.Source, err)
		} else if err != nil {
			return nil, err
		}
		m.rules = append(m.rules, compiled)
	}
	return m, nil
}

// MostBody is the largest max_body, in bytes. It keeps a slip of the pen (64GiB) from taking away the bound on memory.
const MostBody = 16 << 20

func (r Rule) compile() (rule, error) {
	if !r.Code.Known() {
		return rule{}, fmt.Errorf("reading classify: unknown code %q: write one of %s", r.Code, codeNames())
	}
	if r.Status != 0 && (r.Status < 400 || r.Status > 599 || refusal.CodeOf(r.Status) != r.Code) {
		return rule{}, fmt.Errorf("reading classify: status %d does not go with %s: write %s, or no status", r.Status, r.Code, statusesOf(r.Code))
	}
	if r.Pattern == "" {
		return rule{}, errors.New("reading classify: the pattern is empty and would match every message")
	}
	pattern, err := regexp.Compile(r.Pattern)
	if err != nil {
		return rule{}, fmt.Errorf("compiling classify pattern %q: %w", r.Pattern, err)
	}
	compiled := rule{code: r.Code, status: r.Status, pattern: pattern}
	for i, name := range pattern.SubexpNames() {
		switch name {
		case "":
		case "field":
			compiled.fields = append(compiled.fields, i)
		default:
			return rule{}, fmt.Errorf("compiling classify pattern %q: unknown group %q: the only named group is field", r.Pattern, name)
		}
	}
	return compiled, nil
}

func codeNames() string {
	var names []string
	for _, code := range refusal.Codes() {
		names = append(names, string(code))
	}
	return strings.Join(names, ", ")
}

// statusesOf names the statuses that go with a code.
func statusesOf(code refusal.Code) string {
	switch code {
	case refusal.CodeInternal:
		return "one from 500 to 599"
	case refusal.CodeInvalid:
		return "400, or another of 4xx that goes with no other code"
	}
	var list []string
	for status := 400; status < 500; status++ {
		if refusal.CodeOf(status) == code {
			list = append(list, strconv.Itoa(status))
		}
	}
	return strings.Join(list, " or ")
}

// SoftFailures reports whether successes are looked at: the upstream request then must not ask for an encoding.
func (m *Mapper) SoftFailures() bool { return m.soft }

// meaning is what the rules say about a message.
type meaning struct {
	code   refusal.Code // "": no rule matches
	status int          // 0: the rule names none
	field  string       // "": the rule names none
}

// classify gives what the first rule that matches says about a message.
func (m *Mapper) classify(message string) meaning {
	for i := range m.rules {
		r := &m.rules[i]
		at := r.pattern.FindStringSubmatchIndex(message)
		if at == nil {
			continue
		}
		said := meaning{code: r.code, status: r.status}
		for _, group := range r.fields {
			if from, to := at[2*group], at[2*group+1]; from >= 0 {
				said.field = message[from:to]
				break
			}
		}
		return said
	}
	return meaning{}
}
