package gateway

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/answers"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// What a site's decision log tells.
const (
	decisionsRefusals = "refusals"
	decisionsAll      = "all"
)

// decisionLines bounds the decision logs of all sites together. It is one for the process, so that reloads do not add to it.
var decisionLines = lines.NewPerSecond(1000)

func (h *Handler) parseDecisions(d *caddyfile.Dispenser) error {
	if !d.Args(&h.Decisions) || d.NextArg() {
		return d.ArgErr()
	}
	return checkDecisions(h.Decisions)
}

func checkDecisions(which string) error {
	switch which {
	case "", decisionsRefusals, decisionsAll:
		return nil
	}
	return fmt.Errorf("'%s' cannot be logged: write refusals or all", which)
}

// logDecision writes the decision log: who asked for what, what was decided and why; never a secret, a path, a query or a
// body. It is written at level INFO, so that the word in the site's block is all that it needs.
func (c *call) logDecision(report *envelope.Report, why *why) {
	which := c.handler.Decisions
	if which == "" || which == decisionsRefusals && why.reason == "" {
		return
	}
	check := c.handler.decisions.Check(zapcore.InfoLevel, "decision")
	if check == nil {
		return
	}
	if !decisionLines.Take(time.Now()) {
		meters.DecisionsLeftOut.Inc()
		return
	}
	fields := make([]zap.Field, 0, 12)
	fields = append(fields, zap.String("request_id", c.id.text), zap.String("decision", c.told.decision(report.Reason)),
		zap.String("method", c.facts.Method), zap.String("route", c.told.pattern()))
	if c.tool {
		fields = append(fields, zap.String("way", "mcp"))
	}
	if c.facts.ClientIP.IsValid() {
		fields = append(fields, zap.Stringer("client_ip", c.facts.ClientIP))
	}
	if identity := c.verdict.Identity; identity != nil {
		fields = append(fields, zap.String("workspace", identity.Workspace.ID), zap.String("plan", identity.Workspace.Plan))
	}
	if key := c.keyID(); key != "" {
		fields = append(fields, zap.String("key_id", key))
	}
	if why.reason != "" {
		fields = append(fields, zap.String("code", string(report.Code)))
	}
	if d := &c.verdict.Decision; d.Generation != 0 {
		fields = append(fields, zap.Uint64("generation", d.Generation), zap.Bool("remembered", d.Remembered))
	}
	reasons := *why // a copy, so that only those who are told of it pay for it
	check.Write(append(fields, zap.Inline(reasons))...)
}

// answerChecks hold answers against the documents of all sites, and answerLines bounds what the log tells of those that break them.
// They are one for the process, so that reloads do not add to them.
var (
	answerChecks answers.Checks
	answerLines  = lines.NewPerSecond(10)
)

// watchAnswer keeps a copy of an answer that is to be held against the document of its route. The client gets it as it comes.
func (c *call) watchAnswer(status int, h http.Header) {
	if r := c.verdict.Match.Route; c.passed && c.answer == nil && r.Answers != nil {
		c.answer = answerChecks.Begin(r.Answers, status, h)
		c.writer.Watch(c.answer.Saw)
	}
}

// checkAnswer has the copy checked. The log never has a value of it, nor a name that the document does not have.
func (c *call) checkAnswer(report *envelope.Report) {
	if c.answer == nil {
		return
	}
	if report.Source != envelope.SourceBackend {
		c.answer.Forget()
		return
	}
	r, method, status, id, logger := c.verdict.Match.Route, c.facts.Method, report.Status, c.id.text, c.handler.responses
	c.answer.End(report.Cause == nil && !report.ClientGone && report.Dropped == 0, func(result answers.Result, problems []route.Problem) {
		meters.Answered(r.Pattern, string(result))
		if result != answers.Broken && result != answers.Undeclared && result != answers.Failed || !answerLines.Take(time.Now()) {
			return
		}
		fields := make([]string, len(problems))
		for i, p := range problems {
			fields[i] = p.Field + ": " + p.Text
		}
		logger.Warn("answer is not as the document describes it", zap.String("result", string(result)), zap.String("route", r.Pattern), zap.String("operation", r.Source),
			zap.String("method", method), zap.Int("status", status), zap.Strings("fields", fields), zap.String("request_id", id))
	})
}
