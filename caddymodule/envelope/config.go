package envelope

import (
	"errors"
	"fmt"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"regexp"
	"strings"
	"time"
)

// DefaultMaxBody is how much of an error body is read where the configuration says nothing, in bytes.
const DefaultMaxBody = 64 << 10

// bodyTimeout is how long an error body may take to arrive, from its header on (design, section 6).
const bodyTimeout = 2 * time.Second

// Config is the `errors` block of a site.
type Config struct {
	// SoftFailures takes a 200 or 201 whose JSON says `"success": false` for an error.
	SoftFailures bool
	// MaxBody is the longest error body that is read, in bytes after decoding. It must be positive.
	MaxBody int64
	// Rules classify messages, in order: the first that matches wins.
	Rules []Rule
}

// Rule is one `classify` line: what a message means.
type Rule struct {
	// Code is what a message that matches means.
	Code refusal.Code
	// Pattern is a regular expression (RE2). Its named group `field`, if it has one, names the field at
	// fault; of several, the first that matched.
	Pattern string
	// Source is where the rule was written ("Caddyfile:12"); errors begin with it. It may be empty.
	Source string
}

// Mapper maps backends' error bodies to the envelope, by the configuration of one site. It is immutable.
type Mapper struct {
	soft    bool
	maxBody int
	timeout time.Duration
	rules   []rule
}

type rule struct {
	code    refusal.Code
	pattern *regexp.Regexp
	fields  []int // indices of the groups named `field`
}

// NewMapper checks the configuration and compiles it. All mistakes are found here, none at request time.
func NewMapper(c Config) (*Mapper, error) {
	if c.MaxBody <= 0 || c.MaxBody > MostBody {
		return nil, fmt.Errorf("reading max_body: it is %d bytes: write 1 to %d, or leave it out for %d", c.MaxBody, MostBody, DefaultMaxBody)
	}
	m := &Mapper{soft: c.SoftFailures, maxBody: int(c.MaxBody), timeout: bodyTimeout}
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
	if r.Pattern == "" {
		return rule{}, errors.New("reading classify: the pattern is empty and would match every message")
	}
	pattern, err := regexp.Compile(r.Pattern)
	if err != nil {
		return rule{}, fmt.Errorf("compiling classify pattern %q: %w", r.Pattern, err)
	}
	compiled := rule{code: r.Code, pattern: pattern}
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

// SoftFailures reports whether successes are looked at: the upstream request then must not ask for an encoding.
func (m *Mapper) SoftFailures() bool { return m.soft }

// classify gives what the first rule that matches says about a message, and the field it names.
func (m *Mapper) classify(message string) (code refusal.Code, field string, found bool) {
	for i := range m.rules {
		r := &m.rules[i]
		at := r.pattern.FindStringSubmatchIndex(message)
		if at == nil {
			continue
		}
		for _, group := range r.fields {
			if from, to := at[2*group], at[2*group+1]; from >= 0 {
				return r.code, message[from:to], true
			}
		}
		return r.code, "", true
	}
	return "", "", false
}
