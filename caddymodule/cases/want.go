package cases

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// Want is what must come of a request. What is left empty may be anything.
type Want struct {
	Kind   Kind
	Status int
	Code   string
	Reason string
	// Message is the refusal's text.
	Message *string
	// Details is the refusal's, as JSON.
	Details json.RawMessage
	// Missing are the scopes that the key lacks, Scopes those that the route needs, in any order; nil: any.
	Missing, Scopes []string
	Route           *string
	Charge          *int64
}

// ParseWant reads an expectation: "pass", "pass 5" (what it takes), "public", "whoami", "no gate", or a status, which may
// be followed by a code or a reason, as in "403 missing_scope".
func ParseWant(text string) (Want, error) {
	word, more, _ := strings.Cut(text, " ")
	switch {
	case text == string(Public), text == string(Whoami), text == string(NoGate), text == string(Pass):
		return Want{Kind: Kind(text)}, nil
	case word == string(Pass):
		charge, err := strconv.ParseInt(more, 10, 64)
		if err != nil || charge < 1 {
			return Want{}, fmt.Errorf("%q is not what a request takes: write a whole number of at least 1, as in \"pass 5\"", more)
		}
		return Want{Kind: Pass, Charge: &charge}, nil
	}
	status, err := strconv.Atoi(word)
	if err != nil {
		return Want{}, fmt.Errorf("%q is not an expectation: write pass, \"pass 5\", public, whoami, no gate, or a status such as 403 or \"403 missing_scope\"", text)
	}
	w := Want{Kind: Refused, Status: status}
	if refusal.Code(more).Known() {
		w.Code = more
	} else {
		w.Reason = more
	}
	return w, w.check()
}

// check refuses a refusal that the gateway never gives: nothing could ever fulfil it.
func (w *Want) check() error {
	reasons := map[string]bool{}
	coded := w.Code == ""
	for _, row := range refusals() {
		if row.status == w.Status {
			reasons[row.reason] = true
			coded = coded || w.Code == row.code
		}
	}
	switch {
	case len(reasons) == 0:
		return fmt.Errorf("the gateway itself never answers %d: write pass for what goes to the backend, or one of %s", w.Status, statuses())
	case w.Code != "" && !refusal.Code(w.Code).Known():
		return fmt.Errorf("%q is not a code: write one of %s", w.Code, words(refusal.Codes()))
	case !coded:
		return fmt.Errorf("%d never comes with the code %s", w.Status, w.Code)
	case w.Reason != "" && !slices.Contains(gate.Reasons(), w.Reason):
		return fmt.Errorf("%q is neither a code nor a reason: with %d write one of %s", w.Reason, w.Status, words(sorted(reasons)))
	case w.Reason != "" && !reasons[w.Reason]:
		return fmt.Errorf("%d never comes with the reason %s: write one of %s", w.Status, w.Reason, words(sorted(reasons)))
	}
	return nil
}

// row is a refusal that a gate can give.
type row struct {
	status       int
	code, reason string
}

// refusals are all that a gate can give: the rows of the catalogue, and what the gate tells apart in them.
func refusals() (rows []row) {
	closer := map[*refusal.Kind][]string{
		refusal.Unauthorized: {gate.ReasonNoKey, gate.ReasonMalformedKey, gate.ReasonUnknownKey, gate.ReasonExpired,
			gate.ReasonSecretEnded, gate.ReasonDisabled, gate.ReasonRevoked},
		refusal.PolicyForbidden: {gate.ReasonAddress, gate.ReasonPlan, gate.ReasonMissingScope, gate.ReasonPolicy},
		refusal.PolicyNotFound:  {gate.ReasonPolicy},
		refusal.PolicyInvalid:   {gate.ReasonPolicy},
	}
	for _, kind := range refusal.Catalogue() {
		reasons := closer[kind]
		if reasons == nil {
			reasons = []string{kind.Reason}
		}
		for _, reason := range reasons {
			if kind.Status != 0 {
				rows = append(rows, row{kind.Status, string(kind.Code), reason})
			}
		}
	}
	return rows
}

func statuses() string {
	all := map[string]bool{}
	for _, row := range refusals() {
		all[strconv.Itoa(row.status)] = true
	}
	return words(sorted(all))
}

// differs says in words what of the outcome is not what must be, a line each; none: all is.
func (w *Want) differs(o *Outcome) (lines []string) {
	differ := func(what, want, got string) {
		lines = append(lines, fmt.Sprintf("%s: expected %s, got %s", what, want, got))
	}
	if w.Kind != o.Kind || w.Kind == Refused && w.Status != o.Status {
		return []string{fmt.Sprintf("expected %s, got %s", w, o)}
	}
	if w.Code != "" && w.Code != o.Code {
		differ("code", w.Code, o.Code)
	}
	if w.Reason != "" && w.Reason != o.Reason {
		differ("reason", w.Reason, o.Reason)
	}
	if w.Message != nil && *w.Message != o.Message {
		differ("message", strconv.Quote(*w.Message), strconv.Quote(o.Message))
	}
	if w.Details != nil && !sameJSON(w.Details, o.Details) {
		differ("details", string(w.Details), output.InJSON(o.Details))
	}
	if w.Missing != nil && !sameSet(w.Missing, o.Missing) {
		differ("missing scopes", list(w.Missing), list(o.Missing))
	}
	if w.Scopes != nil && !sameSet(w.Scopes, o.Scopes) {
		differ("scopes of the route", list(w.Scopes), list(o.Scopes))
	}
	if w.Route != nil && *w.Route != o.Route {
		differ("route", *w.Route, cmp.Or(o.Route, "none"))
	}
	if w.Charge != nil && *w.Charge != o.Charge {
		differ("charge", strconv.FormatInt(*w.Charge, 10), strconv.FormatInt(o.Charge, 10))
	}
	return lines
}

// String is the expectation as files have it.
func (w *Want) String() string {
	switch {
	case w.Kind == Refused:
		return strings.TrimSpace(strconv.Itoa(w.Status) + " " + cmp.Or(w.Reason, w.Code))
	case w.Kind == Pass && w.Charge != nil:
		return "pass " + strconv.FormatInt(*w.Charge, 10)
	}
	return string(w.Kind)
}

// String is the outcome in the words of an expectation.
func (o *Outcome) String() string {
	switch o.Kind {
	case Refused:
		return strconv.Itoa(o.Status) + " " + o.Reason
	case Pass:
		return "pass " + strconv.FormatInt(o.Charge, 10)
	}
	return string(o.Kind)
}

// sameJSON compares as JSON does: numbers by value, objects without order.
func sameJSON(want json.RawMessage, got any) bool {
	text, err := json.Marshal(got)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal(want, &a) == nil && json.Unmarshal(text, &b) == nil && reflect.DeepEqual(a, b)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
