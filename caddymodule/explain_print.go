package caddymodule

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// print writes the answer.
func (r *rehearsal) print(i *invocation) error {
	view := r.view(keysapi.NewView(&keystore.Key{Key: *r.identity.Key, Workspace: r.identity.Workspace.ID}, time.Now()))
	if i.json() {
		return printJSON(i.out(), view)
	}
	_, err := i.out().Write([]byte(view.text()))
	return err
}

// text is the answer for people.
func (v *explainView) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s at %s, from %s, with key %s", printable(v.Request.Method), printable(v.Request.Target),
		printable(v.Request.Host), v.Request.ClientIP, v.Key.ID)
	if v.Key.Name != "" {
		fmt.Fprintf(&b, " (%s)", v.Key.Name)
	}
	b.WriteString("\n")
	if v.Way.Rewritten {
		fmt.Fprintf(&b, "before the gate it is rewritten to %s %s\n", printable(v.Way.Method), printable(v.Way.Target))
	}
	for _, note := range v.Way.Notes {
		fmt.Fprintf(&b, "note: %s\n", printable(note))
	}
	if !v.Way.Gate {
		fmt.Fprintf(&b, "\nverdict: %s\n", printable(v.Way.textNoGate()))
		return b.String()
	}
	b.WriteString("\n")
	rows := make([][]string, len(v.Steps))
	for n, step := range v.Steps {
		rows[n] = []string{strconv.Itoa(n+1) + " " + step.Step, step.Outcome, dash(step.Why)}
	}
	_ = table(&b, rows) // a Builder never fails
	v.textRefusals(&b)
	v.textWindows(&b)
	v.textVerdict(&b)
	return b.String()
}

func (v *explainView) textRefusals(b *strings.Builder) {
	for _, r := range v.Refusals {
		fmt.Fprintf(b, "\n%s:%d refuses with %s: %s", r.File, r.Line, printable(r.Code), dash(printable(r.Message)))
		if r.Details != nil {
			fmt.Fprintf(b, " %s", inJSON(r.Details))
		}
		if r.ForwardedAt != "" {
			fmt.Fprintf(b, " (forwarded at %s)", r.ForwardedAt)
		}
		if !r.Stands {
			b.WriteString(" (another refusal's message stands)")
		}
		b.WriteString("\n")
		for _, value := range r.Values {
			text := "absent"
			if value.Present {
				text = inJSON(value.Value)
			}
			fmt.Fprintf(b, "  %s = %s\n", value.Path, text)
		}
	}
}

func (v *explainView) textWindows(b *strings.Builder) {
	fmt.Fprintf(b, "\nwindows: %s\n", v.Windows.Source)
	if len(v.Windows.List) == 0 {
		return
	}
	rows := [][]string{{"WINDOW", "REMAINING", "ENDS"}}
	for _, w := range v.Windows.List {
		rows = append(rows, []string{w.Window.String(), strconv.FormatInt(w.Remaining, 10), when(time.Unix(w.Reset, 0), "-")})
	}
	_ = table(b, rows)
}

func (v *explainView) textVerdict(b *strings.Builder) {
	switch {
	case !v.Verdict.Allowed:
		fmt.Fprintf(b, "\nverdict: %d %s\n  %s\n", v.Verdict.Status, inJSON(v.Verdict.Error), v.Verdict.Advice)
	case v.Route != nil && v.Route.Whoami:
		b.WriteString("\nverdict: answered by the gateway\n")
	case v.Way.Answer == "reverse_proxy" || v.Way.Answer == "":
		b.WriteString("\nverdict: goes to the backend\n")
	default:
		fmt.Fprintf(b, "\nverdict: goes to %s\n", printable(v.Way.Answer))
	}
}

// inJSON writes a value on one line.
func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}
