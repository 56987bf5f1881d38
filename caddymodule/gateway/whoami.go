package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// whoamiAnswer is what whoami says, under "data": who the key is and what is left of its windows.
type whoamiAnswer struct {
	Workspace string         `json:"workspace"`
	Plan      string         `json:"plan"`
	Denied    bool           `json:"denied"`
	Key       whoamiKey      `json:"key"`
	Windows   []whoamiWindow `json:"windows"`
	// Routes are what policy allows the caller from the address that it asks from, in the order of the configuration.
	Routes []whoamiRoute `json:"routes"`
}

type whoamiRoute struct {
	Methods []string `json:"methods"`
	Path    string   `json:"path"`
}

type whoamiKey struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Scopes     []record.Scope `json:"scopes"`
	AllowedIPs []string       `json:"allowed_ips"`
	ExpiresAt  *string        `json:"expires_at"`
	// SecretEndsAt is until when the secret that was sent works, after the key was rotated; null: as long as the key.
	SecretEndsAt *string `json:"secret_ends_at"`
}

type whoamiWindow struct {
	Name      string `json:"name"`
	Limit     int64  `json:"limit"`
	Remaining int64  `json:"remaining"`
	Reset     int64  `json:"reset"`
	// Warned says of a quota that so much of it was used that the plan warns.
	Warned bool `json:"warned,omitempty"`
}

// whoami answers for a route that the configuration calls so. The windows are the present counts; nothing is spent.
func (c *call) whoami() error {
	answer := c.describeCaller()
	callable, refused := c.callable(c.handler.live.Load())
	if refused != nil {
		c.writer.Refuse(refused)
		return nil
	}
	for r, methods := range callable.Routes {
		answer.Routes = append(answer.Routes, whoamiRoute{methods, r.Pattern})
	}
	body, err := json.Marshal(map[string]any{"success": true, "data": answer})
	if err != nil {
		return fmt.Errorf("describing the caller: %w", err)
	}
	h := c.writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	c.writer.WriteHeader(http.StatusOK)
	if c.request.Method != http.MethodHead {
		_, _ = c.writer.Write(body) // an error here is the client's leaving
	}
	return nil
}

// callable is what the caller may call of a site's routes. Where policy makes no decision it refuses, as it refuses the calls.
func (c *call) callable(live *siteRoutes) (gate.Callable, *refusal.Refusal) {
	callable, err := c.handler.mayCall.Of(c.request.Context(), &c.facts.Facts, c.verdict.Identity, c.verdict.Plan, live.table)
	if err != nil {
		return callable, gate.PolicyRefusal(err)
	}
	return callable, nil
}

func (c *call) describeCaller() whoamiAnswer {
	key, workspace, plan := c.verdict.Identity.Key, c.verdict.Identity.Workspace, c.verdict.Plan
	answer := whoamiAnswer{
		Workspace: workspace.ID, Plan: workspace.Plan, Denied: plan.Denied,
		Key:     whoamiKey{ID: key.ID, Name: key.Name, Scopes: key.Scopes, AllowedIPs: []string{}},
		Windows: []whoamiWindow{}, Routes: []whoamiRoute{},
	}
	if answer.Key.Scopes == nil {
		answer.Key.Scopes = []record.Scope{}
	}
	for _, network := range key.AllowedIPs {
		answer.Key.AllowedIPs = append(answer.Key.AllowedIPs, network.String())
	}
	answer.Key.ExpiresAt = instant(key.ExpiresAt)
	answer.Key.SecretEndsAt = instant(c.verdict.Identity.GraceEnds())
	if plan.Denied {
		return answer
	}
	for _, status := range c.verdict.Limits.Statuses() {
		answer.Windows = append(answer.Windows, whoamiWindow{
			Name: status.Window.Name(), Limit: status.Window.Limit, Remaining: status.Remaining, Reset: status.Reset,
			Warned: !c.verdict.Limits.Local && plan.Warned(&status.Window, status.Used),
		})
	}
	return answer
}

// instant is a time as RFC 3339 in UTC; nil: none.
func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(time.RFC3339)
	return &text
}
