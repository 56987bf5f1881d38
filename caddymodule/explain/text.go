package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// Text is the answer for people.
func (v *Answer) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s at %s, from %s, ", output.Printable(v.Request.Method), output.Printable(v.Request.Target),
		output.Printable(v.Request.Host), v.Request.ClientIP)
	switch {
	case v.Key == nil:
		b.WriteString("without a key that anybody has")
	case v.Key.Name != "":
		fmt.Fprintf(&b, "with key %s (%s)", v.Key.ID, v.Key.Name)
	default:
		fmt.Fprintf(&b, "with key %s", v.Key.ID)
	}
	b.WriteString("\n")
	if v.Way.Rewritten {
		fmt.Fprintf(&b, "before the gate it is rewritten to %s %s\n", output.Printable(v.Way.Method), output.Printable(v.Way.Target))
	}
	for _, note := range v.Way.Notes {
		fmt.Fprintf(&b, "note: %s\n", output.Printable(note))
	}
	if !v.Way.Gate {
		fmt.Fprintf(&b, "\nverdict: %s\n", output.Printable(v.Way.textNoGate()))
		return b.String()
	}
	b.WriteString("\n")
	rows := make([][]string, len(v.Steps))
	for n, step := range v.Steps {
		rows[n] = []string{strconv.Itoa(n+1) + " " + step.Step, step.Outcome, output.Dash(step.Why)}
	}
	_ = output.Table(&b, rows) // a Builder never fails
	if v.Route != nil && v.Route.Deprecation != nil {
		fmt.Fprintf(&b, "\nnote: callers of the route are told: %s\n", v.Route.Deprecation)
	}
	v.textRefusals(&b)
	v.textWindows(&b)
	v.textVerdict(&b)
	return b.String()
}

func (v *Answer) textRefusals(b *strings.Builder) {
	for _, r := range v.Refusals {
		fmt.Fprintf(b, "\n%s:%d refuses with %s: %s", r.File, r.Line, output.Printable(r.Code), output.Dash(output.Printable(r.Message)))
		if r.Details != nil {
			fmt.Fprintf(b, " %s", output.InJSON(r.Details))
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
				text = output.InJSON(value.Value)
			}
			fmt.Fprintf(b, "  %s = %s\n", value.Path, text)
		}
	}
}

func (v *Answer) textWindows(b *strings.Builder) {
	fmt.Fprintf(b, "\nwindows: %s\n", v.Windows.Source)
	if len(v.Windows.List) == 0 {
		return
	}
	rows := [][]string{{"WINDOW", "REMAINING", "ENDS"}}
	for _, w := range v.Windows.List {
		rows = append(rows, []string{w.Window.String(), strconv.FormatInt(w.Remaining, 10), output.When(time.Unix(w.Reset, 0), "-")})
	}
	_ = output.Table(b, rows)
}

func (v *Answer) textVerdict(b *strings.Builder) {
	switch {
	case !v.Verdict.Allowed:
		fmt.Fprintf(b, "\nverdict: %d %s\n  %s\n", v.Verdict.Status, output.InJSON(v.Verdict.Error), v.Verdict.Advice)
	case v.Route != nil && v.Route.Whoami:
		b.WriteString("\nverdict: answered by the gateway\n")
	default:
		fmt.Fprintf(b, "\nverdict: %s\n", output.Printable(v.Way.textPassed()))
	}
}
