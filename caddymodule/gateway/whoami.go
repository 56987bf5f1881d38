package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// whoamiAnswer is what whoami says, under "data": who the key is and what is left of its windows.
type whoamiAnswer struct {
	Workspace string         `json:"workspace"`
	Plan      string         `json:"plan"`
	Denied    bool           `json:"denied"`
	Key       whoamiKey      `json:"key"`
	Windows   []whoamiWindow `json:"windows"`
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
	body, err := json.Marshal(map[string]any{"success": true, "data": c.describeCaller()})
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

func (c *call) describeCaller() whoamiAnswer {
	key, workspace, plan := c.verdict.Identity.Key, c.verdict.Identity.Workspace, c.verdict.Plan
	answer := whoamiAnswer{
		Workspace: workspace.ID, Plan: workspace.Plan, Denied: plan.Denied,
		Key:     whoamiKey{ID: key.ID, Name: key.Name, Scopes: key.Scopes, AllowedIPs: []string{}},
		Windows: []whoamiWindow{},
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
