package gateway

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/lines"
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
