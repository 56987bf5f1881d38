package dashboard

import (
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/status"
)

// Problem is something that is wrong, in words.
type Problem struct {
	// Severity is error where requests fail or may, or warning.
	Severity string `json:"severity"`
	// Text says what is wrong and what it means for requests, and Do what to do about it.
	Text string `json:"text"`
	Do   string `json:"do"`
	// Since is when it began, in Unix seconds; 0: not known.
	Since int64 `json:"since"`
}

const (
	isError   = "error"
	isWarning = "warning"
)

// problems says what is wrong, the worst first.
func problems(s *gateway.State, recent *status.Traffic) []Problem {
	list := append([]Problem{}, keyProblems(&s.Keys)...)
	list = append(list, counterProblems(s.Counters.Shared)...)
	list = append(list, usageProblems(s.Usage)...)
	list = append(list, fileProblems(s)...)
	list = append(list, backendProblems(recent)...)
	warn := func(texts []string, do string) {
		for _, text := range texts {
			list = append(list, Problem{Severity: isWarning, Text: text, Do: do})
		}
	}
	if !s.Policies.Remembers {
		warn([]string{"Policy decisions are not remembered, every request is evaluated: " + s.Policies.Why}, "Expect more CPU per request, or change the policy.")
	}
	warn(s.Policies.Warnings, "Correct the policy.")
	if s.Secrets != nil {
		warn(s.Secrets.Warnings, "Change the file's mode.")
	}
	warn(s.Warnings, "Correct the configuration.")
	return list
}

func keyProblems(s *gateway.KeysState) (list []Problem) {
	for _, f := range s.Failing {
		p := Problem{Severity: isError, Since: f.Since}
		switch f.What {
		case "usage":
			continue // the ledger may lie elsewhere: usageProblems
		case "keys":
			p.Text = fmt.Sprintf("The keys of %s are not taken, the last good ones go on: %s", s.Place, f.Error)
			p.Do = "Correct the file: it is read again within a second."
		case "last uses":
			p.Severity = isWarning
			p.Text = fmt.Sprintf("When keys were last used cannot be written to %s: %s", s.Place, f.Error)
			p.Do = "See whether the store can be written."
		default:
			p.Text = fmt.Sprintf("The key store %s does not answer (%s): keys known good go on for %v, all others are answered 503: %s",
				s.Place, f.What, time.Duration(s.StaleSeconds*float64(time.Second)), f.Error)
			p.Do = "Bring the store back; the gateway finds it by itself."
		}
		list = append(list, p)
	}
	return list
}

func usageProblems(s *gateway.UsageState) (list []Problem) {
	if s == nil {
		return nil
	}
	if s.Failing != nil {
		list = append(list, Problem{
			Severity: isWarning, Since: s.Failing.Since, Text: fmt.Sprintf("What workspaces use cannot be written to %s: %s", s.Place, s.Failing.Error),
			Do: "See whether the store can be written; until it can, what is used is kept here, more and more coarsely.",
		})
	}
	if s.Lost > 0 {
		list = append(list, Problem{
			Severity: isWarning, Text: fmt.Sprintf("Of %d requests it is not known who used them: the store of usage was away for too long.", s.Lost),
			Do: "Bring the store back sooner, or bill by the logs of that time.",
		})
	}
	return list
}

// outages is what on_outage means for requests.
var outages = map[string]string{
	"local":  "each gateway grants its share of the limits",
	"allow":  "nothing is limited",
	"refuse": "requests are answered 503",
}

func counterProblems(s *gateway.SharedCounters) (list []Problem) {
	if s == nil {
		return nil
	}
	for _, away := range s.Away {
		whom := ""
		if away.What != "" {
			whom = "for the workspaces that it counts, "
		}
		list = append(list, Problem{
			Severity: isError, Since: away.Since,
			Text: fmt.Sprintf("Redis at %s is away, %son_outage says %s: %s: %s", s.PlaceOf(away), whom, s.OnOutage, outages[s.OnOutage], away.Error),
			Do:   "Bring Redis back; the gateway finds it by itself.",
		})
	}
	return list
}

func fileProblems(s *gateway.State) (list []Problem) {
	if f := s.Policies.Failing; f != nil {
		list = append(list, Problem{
			Severity: isError, Since: f.Since,
			Text: fmt.Sprintf("The policies as they are on disk are not taken, generation %d goes on: %s", s.Policies.Generation, f.Error),
			Do:   "Correct the file: it is read again within a second.",
		})
	}
	for _, d := range s.Documents {
		if d.Failing != nil {
			list = append(list, Problem{
				Severity: isError, Since: d.Failing.Since,
				Text: "The OpenAPI document " + d.File + " as it is on disk is not taken, the last good one goes on: " + d.Failing.Error,
				Do:   "Correct the file: it is read again within a second.",
			})
		}
	}
	if s.Secrets != nil && s.Secrets.Failing != nil {
		list = append(list, Problem{
			Severity: isError, Since: s.Secrets.Failing.Since,
			Text: "The secrets as they are on disk are not taken, the last good ones go on: " + s.Secrets.Failing.Error,
			Do:   "Correct the folder: it is read again within a second.",
		})
	}
	return list
}

// failing is the part of requests that must end in a 5xx before that is a problem: one in twenty, and five.
func failing(failed, all int64) bool { return failed >= 5 && failed*20 >= all }

func backendProblems(recent *status.Traffic) (list []Problem) {
	// Refusals do not count: whoever sends requests without a key must not hide a backend, or a gateway, that fails.
	asked := recent.Outcomes[status.OutcomeOK] + recent.Outcomes[status.OutcomeBackend4xx] + recent.Outcomes[status.OutcomeBackend5xx]
	minutes := "in the last five minutes"
	if failed := recent.Outcomes[status.OutcomeBackend5xx]; failing(failed, asked) {
		list = append(list, Problem{Severity: isError, Do: "Look at the backend; its words are in the log, by request id.",
			Text: fmt.Sprintf("The backend answered %d of %d requests with a 5xx %s.", failed, asked, minutes)})
	}
	if failed := recent.Outcomes[string(refusal.CodeInternal)]; failing(failed, asked+failed) {
		list = append(list, Problem{Severity: isError, Do: "The refusals below say why.",
			Text: fmt.Sprintf("The gateway answered %d of %d requests with a 5xx of its own %s.", failed, asked+failed, minutes)})
	}
	return list
}
