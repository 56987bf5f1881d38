package policy

import (
	"cmp"
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// said is what the caller gets of a refusal, details aside.
type said struct{ code, message string }

// places are where the rules of deny stand, by what they say.
type places struct {
	// byText holds the one rule that says so; nil where several do.
	byText map[said]*ast.Rule
	// open tells that there are rules of which only a request tells what they say: they may say anything.
	open bool
}

// placesOf reads code and message of every rule of deny in which they are constants.
func (g *generation) placesOf(compiler *ast.Compiler) places {
	p := places{byText: map[said]*ast.Rule{}}
	for _, module := range compiler.Modules {
		if packageName(module) != authzPackage {
			continue
		}
		for _, rule := range module.Rules {
			if ruleName(rule) != "deny" || rule.Head.Key == nil {
				continue
			}
			text, constant := g.says(boundTo(rule, rule.Head.Key).Value)
			if !constant {
				p.open = true
				continue
			}
			if _, several := p.byText[text]; several {
				rule = nil
			}
			p.byText[text] = rule
		}
	}
	return p
}

// says is the code and the message of an element of deny; false where they are not constant texts.
func (g *generation) says(refusal ast.Value) (text said, constant bool) {
	object, ok := refusal.(ast.Object)
	if !ok {
		return text, false
	}
	code, constant := get[ast.String](object, "code")
	message, isText := get[ast.String](object, "message")
	if object.Get(ast.InternedTerm("message")) != nil && !isText {
		constant = false
	}
	if object.Iter(func(name, _ *ast.Term) error {
		if _, isText := name.Value.(ast.String); !isText {
			return ErrMalformed
		}
		return nil
	}) != nil {
		constant = false
	}
	return said{string(code), cmp.Or(string(message), g.standardMessage(string(code)))}, constant
}

// What is followed step by step is bounded: the values in a body, and the bytes of path and query.
const (
	locatedValues = 256
	locatedBytes  = 2 << 10
)

// large reports whether a request is too large for being evaluated twice, to locate a refusal or to blame a rule.
func (in *Input) large() bool {
	left := locatedValues
	return len(in.Path)+len(in.RawQuery) > locatedBytes || in.HasBody && !fits(in.Body, &left)
}

// fits takes the values that a JSON value is made of off what is left, and reports whether there was room for all.
func fits(value any, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if !fits(element, left) {
				return false
			}
		}
	case map[string]any:
		for _, member := range value {
			if !fits(member, left) {
				return false
			}
		}
	}
	return true
}

// located puts into a refusal where the rule stands whose message it has. Where only one rule can say so that is known;
// else a second evaluation is followed step by step, and of several the first by file and line is told. Where that fails
// the refusal stands, and tells no place.
//
// A large request is not evaluated twice: it costs several times as much again, and its sender would choose how much.
func (g *generation) located(ctx context.Context, in *Input, input ast.Value, timeout time.Duration, d Decision) Decision {
	if d.Allow {
		return d
	}
	if rule := g.places.byText[said{d.Code, d.Message}]; rule != nil && !g.places.open {
		d.File, d.Line = rule.Location.File, rule.Location.Row
		return d
	}
	if in.large() {
		return d
	}
	w, err := g.witnessed(ctx, input, timeout)
	if err != nil {
		return d
	}
	for _, refusal := range w.refusals {
		if text, _ := g.says(refusal.element.Value); text != (said{d.Code, d.Message}) {
			continue
		}
		for _, rule := range w.makers(refusal) {
			if at := rule.Location; d.File == "" || cmp.Or(cmp.Compare(at.File, d.File), cmp.Compare(at.Row, d.Line)) < 0 {
				d.File, d.Line = at.File, at.Row
			}
		}
	}
	return d
}
