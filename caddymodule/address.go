package caddymodule

import (
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// resolved gives an address that may hold a password, from its placeholder. One that stands in the configuration itself
// is shown by the admin API and kept in its autosave: the log says so.
func resolved(logger *zap.Logger, address string) (string, error) {
	if !isPlaceholder(address) {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			if _, set := u.User.Password(); set {
				logger.Warn("a password stands in the configuration, which the admin API shows: write a placeholder such as {env.NAME}")
			}
		}
		return address, nil
	}
	return caddy.NewReplacer().ReplaceOrErr(address, true, true)
}
