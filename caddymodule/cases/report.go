package cases

import (
	"fmt"
	"io"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// Text writes the report for people: every case that fails with what was expected and why it came otherwise, or, where none
// does, a line that sums up.
func (r *Report) Text(w io.Writer) error {
	for n := range r.Results {
		result := &r.Results[n]
		if result.Passed() {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\n%s\n", output.Hang(fmt.Sprintf("FAIL %s:%d: %s", result.File, result.Line, result.Name), 0, 5, output.Width), indented(result.why())); err != nil {
			return err
		}
	}
	if r.Failed() > 0 {
		return nil // the command's error sums up
	}
	_, err := fmt.Fprintln(w, r.Summary())
	return err
}

// why says what was expected, what came, and how that came about.
func (r *Result) why() string {
	const width = output.Width - 2 // indented
	if r.Err != nil {
		return output.Hang("expected "+r.Want.String()+", and cannot be judged: "+r.Err.Error(), 0, 2, width) + "\n"
	}
	var b strings.Builder
	for _, line := range r.Differs {
		b.WriteString(output.Hang(line, 0, 2, width) + "\n")
	}
	if r.Outcome.Explain != nil {
		b.WriteString("\n" + r.Outcome.Explain(width))
	}
	return b.String()
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	failed, all := r.Failed(), len(r.Results)
	text := fmt.Sprintf("%d cases pass", all)
	switch {
	case failed > 0:
		text = fmt.Sprintf("%d of %d cases fail", failed, all)
	case all == 1:
		text = "1 case passes"
	}
	if r.Left > 0 {
		text += fmt.Sprintf(", %d not run", r.Left)
	}
	return text
}

// indented moves each line that has text to the right.
func indented(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if line != "" {
			lines[n] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

// View is the report for programs.
type View struct {
	Cases  []CaseView `json:"cases"`
	Failed int        `json:"failed"`
	Left   int        `json:"left"`
}

// CaseView is a case for programs. Got is null where the request could not be judged: error says why.
type CaseView struct {
	Name     string       `json:"name"`
	File     string       `json:"file"`
	Line     int          `json:"line"`
	Passed   bool         `json:"passed"`
	Expected string       `json:"expected"`
	Got      *OutcomeView `json:"got"`
	Differs  []string     `json:"differs"`
	Error    string       `json:"error"`
	Explain  string       `json:"explain"`
}

// OutcomeView is what would become of a request, for programs.
type OutcomeView struct {
	Outcome string   `json:"outcome"`
	Status  int      `json:"status"`
	Code    string   `json:"code"`
	Reason  string   `json:"reason"`
	Message string   `json:"message"`
	Details any      `json:"details"`
	Missing []string `json:"missing"`
	Route   string   `json:"route"`
	Scopes  []string `json:"scopes"`
	Charge  int64    `json:"charge"`
}

// View gives the report for programs.
func (r *Report) View() View {
	view := View{Cases: []CaseView{}, Failed: r.Failed(), Left: r.Left}
	for n := range r.Results {
		result := &r.Results[n]
		c := CaseView{Name: result.Name, File: result.File, Line: result.Line, Passed: result.Passed(),
			Expected: result.Want.String(), Differs: append([]string{}, result.Differs...)}
		if result.Err != nil {
			c.Error = result.Err.Error()
		}
		if o := result.Outcome; o != nil {
			c.Got = &OutcomeView{string(o.Kind), o.Status, o.Code, o.Reason, o.Message, o.Details, append([]string{}, o.Missing...), o.Route, append([]string{}, o.Scopes...), o.Charge}
			if !c.Passed && o.Explain != nil {
				c.Explain = o.Explain(0)
			}
		}
		view.Cases = append(view.Cases, c)
	}
	return view
}
