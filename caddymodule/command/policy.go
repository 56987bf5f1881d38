package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
)

func policyCommands() caddycmd.Command {
	return caddycmd.Command{
		Name: "policy", Usage: "test|check [FOLDER]", Short: "Tests and checks policies, with the embedded ones in place",
		Long: `Runs the policies' own tests, which are Rego, and checks what policies read. What comes of policies, routes, plans and
matchers together for a request is tested by 'test'.`,
		CobraFunc: func(cmd *cobra.Command) {
			group(cmd,
				withTable(command("test [FOLDER]", "Runs the policies' own tests (default those of the configuration)", testPolicies)),
				withTable(command("check [FOLDER]", "Tells what policies read, and whether decisions are remembered", checkPolicies)))
		},
	}
}

// policyPaths are the folder that was named, or what the configuration names.
func (i *invocation) policyPaths() ([]string, error) {
	if len(i.args) > 0 {
		return i.args, nil
	}
	app, err := i.app()
	if err != nil {
		return nil, err
	}
	if len(app.Policies) == 0 {
		return nil, errors.New("the configuration names no policies: name a folder")
	}
	return app.PolicyPaths()
}

// testView is a test as --json gives it, and coverageView a file.
type (
	testView struct {
		Name    string `json:"name"`
		File    string `json:"file"`
		Line    int    `json:"line"`
		Passed  bool   `json:"passed"`
		Skipped bool   `json:"skipped"`
		Reason  string `json:"reason"`
		Output  string `json:"output"`
	}
	coverageView struct {
		File    string  `json:"file"`
		Percent float64 `json:"percent"`
		Missed  []int   `json:"missed"`
	}
)

func testPolicies(i *invocation) error {
	paths, err := i.policyPaths()
	if err != nil {
		return err
	}
	report, err := policy.Test(i, paths)
	if err != nil {
		return err
	}
	if len(report.Tests) == 0 {
		return fmt.Errorf("there are no tests in %s: write them in files that end in _test.rego", strings.Join(paths, " "))
	}
	if err := i.printTests(report); err != nil {
		return err
	}
	if failed := len(report.Failed()); failed > 0 {
		return fmt.Errorf("%d of %d tests fail", failed, len(report.Tests))
	}
	return nil
}

func (i *invocation) printTests(report *policy.TestReport) error {
	if i.json() {
		answer := struct {
			Tests    []testView     `json:"tests"`
			Coverage []coverageView `json:"coverage"`
			Warnings []string       `json:"warnings"`
		}{[]testView{}, []coverageView{}, append([]string{}, report.Warnings...)}
		for _, t := range report.Tests {
			answer.Tests = append(answer.Tests, testView{t.Name, t.File, t.Line, t.Passed, t.Skipped, t.Reason, t.Output})
		}
		for _, f := range report.Coverage {
			answer.Coverage = append(answer.Coverage, coverageView{f.File, f.Percent, append([]int{}, f.Missed...)})
		}
		return output.JSON(i.out(), answer)
	}
	rows := make([][]string, 0, len(report.Tests))
	for _, t := range report.Tests {
		outcome := "passed"
		switch {
		case t.Skipped:
			outcome = "skipped"
		case !t.Passed:
			outcome = t.Reason
		}
		rows = append(rows, []string{fmt.Sprintf("%s:%d", t.File, t.Line), t.Name, outcome})
	}
	columns := []output.Column{output.Path(""), output.Short(""), output.Wrapped("")}
	if err := output.Table(i.out(), i.width(), columns, rows); err != nil {
		return err
	}
	for _, t := range report.Tests {
		if t.Output != "" {
			fmt.Fprintf(i.out(), "\n%s printed:\n%s\n", t.Name, strings.TrimRight(t.Output, "\n"))
		}
	}
	rows = [][]string{{""}}
	for _, f := range report.Coverage {
		text := fmt.Sprintf("%.0f %% covered", f.Percent)
		if len(f.Missed) > 0 {
			text += ", but not lines " + lineRanges(f.Missed)
		}
		rows = append(rows, []string{f.File, text})
	}
	columns = []output.Column{output.Path(""), output.Wrapped("")}
	if err := output.Table(i.out(), i.width(), columns, rows); err != nil {
		return err
	}
	return i.printWarnings(report.Warnings)
}

// lineRanges writes lines, each once and in their order, as people do: 3, 14-16.
func lineRanges(lines []int) string {
	var ranges []string
	for n := 0; n < len(lines); {
		first := lines[n]
		last := first
		for n++; n < len(lines) && lines[n] == last+1; n++ {
			last = lines[n]
		}
		if last > first {
			ranges = append(ranges, fmt.Sprintf("%d-%d", first, last))
		} else {
			ranges = append(ranges, strconv.Itoa(first))
		}
	}
	return strings.Join(ranges, ", ")
}

func (i *invocation) printWarnings(warnings []string) error {
	for _, warning := range warnings {
		if _, err := fmt.Fprintf(i.out(), "\n%s\n", output.Hang("warning: "+warning, 0, 2, i.width())); err != nil {
			return err
		}
	}
	return nil
}

// checkedFile is a policy file as --json gives it.
type checkedFile struct {
	File     string   `json:"file"`
	Embedded bool     `json:"embedded"`
	Package  string   `json:"package"`
	Reads    []string `json:"reads"`
	Why      string   `json:"why"`
	// Unchecked are the places where the schema cannot see what is read.
	Unchecked []string `json:"unchecked"`
}

func checkPolicies(i *invocation) error {
	paths, err := i.policyPaths()
	if err != nil {
		return err
	}
	report, err := policy.Check(i, paths)
	if err != nil {
		return err
	}
	if i.json() {
		answer := struct {
			Remembered bool          `json:"remembered"`
			Why        string        `json:"why"`
			Reads      []string      `json:"reads"`
			Warnings   []string      `json:"warnings"`
			Files      []checkedFile `json:"files"`
		}{report.Remembered, report.Why, append([]string{}, report.Reads...), append([]string{}, report.Warnings...), []checkedFile{}}
		for _, f := range report.Files {
			answer.Files = append(answer.Files, checkedFile{f.Name, f.Embedded, f.Package, append([]string{}, f.Reads...), f.Why, append([]string{}, f.Unchecked...)})
		}
		return output.JSON(i.out(), answer)
	}
	var rows [][]string
	for _, f := range report.Files {
		rows = append(rows, []string{f.Name, f.Package, output.Words(f.Reads)})
	}
	columns := []output.Column{output.Path("FILE"), output.Wide("PACKAGE"), output.Wrapped("READS")}
	if err := output.Table(i.out(), i.width(), columns, rows); err != nil {
		return err
	}
	if err := i.printWarnings(report.Warnings); err != nil {
		return err
	}
	for _, f := range report.Files {
		for _, place := range f.Unchecked {
			text := fmt.Sprintf("the schema cannot see which names are read at %s: only a test finds a typing error there", place)
			fmt.Fprintf(i.out(), "\n%s\n", output.Hang(text, 0, 2, i.width()))
		}
	}
	verdict := "decisions are remembered: they depend on " + output.Words(report.Reads)
	if !report.Remembered {
		verdict = "decisions are made anew for every request: " + report.Why
	}
	_, err = fmt.Fprintf(i.out(), "\n%s\n", output.Hang(verdict, 0, 2, i.width()))
	return err
}
