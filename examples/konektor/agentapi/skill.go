package agentapi

import (
	_ "embed"
	"net/http"
	"regexp"
	"strings"
)

//go:embed SKILL.md
var skill string

// hostForm is a host with an optional port, nothing that could end a line or a word.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,255}(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?$`)

// getSkill tells an agent how to use this API, at the address where the agent found it.
func (a *API) getSkill(r *http.Request, _ identity) (*answer, error) {
	base := strings.TrimSuffix(a.baseURL, "/")
	if base == "" && hostForm.MatchString(r.Host) {
		scheme := "http"
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		base = scheme + "://" + r.Host
	}
	return &answer{markdown: []byte(strings.ReplaceAll(skill, "{{base}}", base+Base))}, nil
}
