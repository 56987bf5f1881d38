package cases

import (
	"context"
	"fmt"
	"regexp"
	"time"
)

// Result is a case that was put to a judge.
type Result struct {
	*Case
	// Outcome is what would become of the request; nil: it cannot be told, and Err says why.
	Outcome *Outcome
	Err     error
	// Differs says in words what is not as it must be, a line each.
	Differs []string
	// Took is how long the judge needed.
	Took time.Duration
}

// Passed reports whether all is as it must be.
func (r *Result) Passed() bool { return r.Err == nil && len(r.Differs) == 0 }

// Report is what became of all cases, in the order in which they stand.
type Report struct {
	Results []Result
	// Left is how many cases were not run, because their names do not match.
	Left int
	// Took is how long all of it needed.
	Took time.Duration
}

// Failed counts the cases that are not as they must be.
func (r *Report) Failed() (n int) {
	for i := range r.Results {
		if !r.Results[i].Passed() {
			n++
		}
	}
	return n
}

// Run puts each case whose name matches to the judge, one after the other; nil matches all.
func Run(ctx context.Context, judge Judge, all []Case, only *regexp.Regexp) (*Report, error) {
	began := time.Now()
	report := &Report{Results: make([]Result, 0, len(all))}
	for n := range all {
		if only != nil && !only.MatchString(all[n].Name) {
			report.Left++
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		report.Results = append(report.Results, run(ctx, judge, &all[n]))
	}
	if len(report.Results) == 0 {
		return nil, fmt.Errorf("none of %d cases has a name that matches %q: write a part of a name", len(all), only)
	}
	report.Took = time.Since(began)
	return report, nil
}

func run(ctx context.Context, judge Judge, c *Case) Result {
	began := time.Now()
	result := Result{Case: c}
	if result.Outcome, result.Err = judge.Judge(ctx, &c.Request); result.Err == nil {
		result.Differs = c.Want.differs(result.Outcome)
	}
	result.Took = time.Since(began)
	return result
}
