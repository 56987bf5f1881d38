package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/cases"
	"github.com/tollgate-gateway/tollgate/caddymodule/explain"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

func testCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "test", Usage: "FILE...", Short: "Tests a configuration: requests, and what must come of them",
		Long: `Puts the requests of the files to the real judging of the configuration and compares
what comes of them with what must. It needs no gateway and no backend, and spends
nothing: every case finds its windows unused, and throttles do not apply. The key
store is opened, to be read, where a case names a key of it by its id; all other
callers are described by the file. A case that fails is explained as explain does.

Policies have tests of their own, in Rego: 'policy test' runs those. This command
tests what comes of policies, routes, plans and matchers together.

  defaults: {plan: pro, charge: 1}
  callers:
    reader: {scopes: [agent.leads.read], address: 203.0.113.9}
    nobody: {key: none}
  tables:
    - name: scopes
      callers: [reader, nobody]
      rows:
        GET /leads: [pass, 401 no_key]
        GET /SKILL.md: public
  cases:
    - name: a batch costs more
      as: {scopes: ["agent.*"]}
      request: POST /leads/batch
      body: [{firstName: Ada}]
      expect: pass 5

An expectation is pass (a good key's request goes on to what stands behind the gate;
'pass 5': and takes 5), public (goes on unchecked), whoami, 'no gate', or a status,
alone or with a code or a reason: '403 missing_scope'. Beside it a case may say route,
scopes (those that the route needs), charge, and of a refusal code, reason, message,
details, missing (scopes). A request may have query, headers, body, address and host.
A caller is a key of the store (key: KEY_ID), key: none, key: unknown, or described:
scopes, plan, limits, metadata, allowed_ips, address, state (disabled, expired, revoked,
secret_ended), suspended, workspace, id, name.
`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(cmd, testCases)
			cmd.Flags().String("run", "", "only the cases whose name matches the regular expression")
			cmd.Flags().String("junit", "", "file to write a JUnit report to")
		},
	}
}

func testCases(i *invocation) error {
	var only *regexp.Regexp
	if i.given("run") {
		var err error
		if only, err = regexp.Compile(i.text("run")); err != nil {
			return fmt.Errorf("reading --run: %w", err)
		}
	}
	all, err := readCases(i.args)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(i.args, func(name string) bool { return filepath.Clean(name) == filepath.Clean(i.text("junit")) }) {
		return fmt.Errorf("writing --junit: %s is a file of cases: name another file for the report", i.text("junit"))
	}
	c, err := i.configuration()
	if err != nil {
		return err
	}
	session, err := explain.Open(i, c)
	if err != nil {
		return err
	}
	defer session.Close()
	report, err := cases.Run(i, judge{session}, all, only)
	if err != nil {
		return err
	}
	if err := i.printCases(report); err != nil {
		return err
	}
	if report.Failed() > 0 {
		return errors.New(report.Summary())
	}
	return nil
}

// readCases reads files of cases, each once.
func readCases(names []string) (all []cases.Case, err error) {
	seen := map[string]bool{}
	for _, name := range names {
		if clean := filepath.Clean(name); seen[clean] {
			return nil, fmt.Errorf("%s is named twice: name each file once", name)
		} else {
			seen[clean] = true
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading cases: %w", err)
		}
		read, err := cases.Parse(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	return all, nil
}

func (i *invocation) printCases(report *cases.Report) error {
	if i.given("junit") {
		var b bytes.Buffer
		if err := report.JUnit(&b); err != nil {
			return fmt.Errorf("writing --junit: %w", err)
		}
		if err := os.WriteFile(i.text("junit"), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing --junit: %w", err)
		}
	}
	if i.json() {
		return output.JSON(i.out(), report.View())
	}
	return report.Text(i.out())
}

// judge puts cases to the configuration.
type judge struct{ *explain.Session }

// Judge is part of cases.Judge.
func (j judge) Judge(ctx context.Context, r *cases.Request) (*cases.Outcome, error) {
	question := explain.Question{
		Method: r.Method, Address: r.Address, Host: r.Host, IP: r.IP, Header: r.Header, Body: r.Body, KeyID: r.KeyID,
	}
	if r.KeyID == "" {
		question.Caller = &explain.Caller{Identity: r.Identity}
	}
	answer, err := j.Unspent(ctx, question)
	if err != nil {
		return nil, err
	}
	o := &cases.Outcome{Kind: cases.Pass, Charge: answer.Charge(), Explain: answer.Text}
	if answer.Route != nil {
		o.Route, o.Scopes = answer.Route.Pattern, answer.Route.Scopes
	}
	switch {
	case !answer.Way.Gate:
		o.Kind = cases.NoGate
	case !answer.Verdict.Allowed:
		var said struct {
			Code, Message string
			Details       any
		}
		if err := json.Unmarshal(answer.Verdict.Error, &said); err != nil {
			return nil, fmt.Errorf("reading the refusal: %w", err)
		}
		o.Kind, o.Status, o.Reason, o.Missing = cases.Refused, answer.Verdict.Status, answer.Reason(), answer.MissingScopes()
		o.Code, o.Message, o.Details = said.Code, said.Message, said.Details
	case answer.Route.Public, answer.Route.Describes:
		o.Kind = cases.Public
	case answer.Route.Whoami:
		o.Kind = cases.Whoami
	}
	return o, nil
}

// Interface guards
var _ cases.Judge = judge{}
