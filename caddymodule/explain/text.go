package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// Text is the answer for people, in lines of at most width cells; 0 is any width.
func (v *Answer) Text(width int) string {
	t := &text{width: width}
	who := "without a key that anybody has"
	switch {
	case v.Key == nil:
	case v.Key.Name != "":
		who = fmt.Sprintf("with key %s (%s)", v.Key.ID, v.Key.Name)
	default:
		who = "with key " + v.Key.ID
	}
	t.line("%s %s at %s, from %s, %s", v.Request.Method, v.Request.Target, v.Request.Host, v.Request.ClientIP, who)
	if v.Way.Rewritten {
		t.line("before the gate it is rewritten to %s %s", v.Way.Method, v.Way.Target)
	}
	for _, note := range v.Way.Notes {
		t.line("note: %s", note)
	}
	t.WriteString("\n")
	if !v.Way.Gate {
		t.line("verdict: %s", v.Way.textNoGate())
		return t.String()
	}
	rows := make([][]string, len(v.Steps))
	for n, step := range v.Steps {
		rows[n] = []string{strconv.Itoa(n+1) + " " + step.Step, step.Outcome, output.Dash(step.Why)}
	}
	_ = output.Table(t, width, []output.Column{output.Whole(""), output.Whole(""), output.Wrapped("")}, rows) // a Builder never fails
	if v.Route != nil && v.Route.Deprecation != nil {
		t.WriteString("\n")
		t.line("note: callers of the route are told: %s", v.Route.Deprecation)
	}
	v.textRefusals(t)
	v.textWindows(t)
	v.textVerdict(t)
	return t.String()
}

// text is an answer that is being written.
type text struct {
	strings.Builder
	width int
}

// line writes one that goes on below, indented, where it is too long.
func (t *text) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	begin := len(line) - len(strings.TrimLeft(line, " "))
	t.WriteString(line[:begin] + output.Hang(line[begin:], begin, begin+4, t.width) + "\n")
}

func (v *Answer) textRefusals(t *text) {
	for _, r := range v.Refusals {
		line := fmt.Sprintf("%s:%d refuses with %s: %s", r.File, r.Line, r.Code, output.Dash(r.Message))
		if r.Details != nil {
			line += " " + output.InJSON(r.Details)
		}
		if r.ForwardedAt != "" {
			line += fmt.Sprintf(" (forwarded at %s)", r.ForwardedAt)
		}
		if !r.Stands {
			line += " (another refusal's message stands)"
		}
		t.WriteString("\n")
		t.line("%s", line)
		for _, value := range r.Values {
			text := "absent"
			if value.Present {
				text = output.InJSON(value.Value)
			}
			t.line("  %s = %s", value.Path, text)
		}
	}
}

func (v *Answer) textWindows(t *text) {
	t.WriteString("\n")
	t.line("windows: %s", v.Windows.Source)
	if len(v.Windows.List) == 0 {
		return
	}
	rows := make([][]string, len(v.Windows.List))
	for n, w := range v.Windows.List {
		name := w.Window
		if strings.HasPrefix(w.Name, "key-") {
			name += " of the key"
		}
		rows[n] = []string{name, strconv.FormatInt(w.Remaining, 10), output.When(time.Unix(w.Reset, 0), "-")}
	}
	_ = output.Table(t, t.width, []output.Column{output.Whole("WINDOW"), output.Whole("REMAINING"), output.Whole("ENDS")}, rows)
}

func (v *Answer) textVerdict(t *text) {
	t.WriteString("\n")
	switch {
	case !v.Verdict.Allowed:
		t.line("verdict: %d %s", v.Verdict.Status, output.InJSON(v.Verdict.Error))
		t.line("  %s", v.Verdict.Advice)
	case v.Route != nil && (v.Route.Whoami || v.Route.Describes || v.Route.MCP):
		t.line("verdict: answered by the gateway")
	default:
		t.line("verdict: %s", v.Way.textPassed())
	}
}
