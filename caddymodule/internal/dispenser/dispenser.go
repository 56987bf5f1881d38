// Package dispenser reads what the parsers of several Caddyfile words share: durations, paths that start at the Caddyfile's
// folder, placeholders, and the places that errors name.
package dispenser

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Source says where the dispenser stands, for errors that can only be found later.
func Source(d *caddyfile.Dispenser) string { return fmt.Sprintf("%s:%d", d.File(), d.Line()) }

// Located puts file, line and the word that is wrong in front of an error that lacks them.
func Located(d *caddyfile.Dispenser, word string, err error) error {
	if strings.Contains(err.Error(), "at "+d.File()+":") {
		return err
	}
	return d.WrapErr(fmt.Errorf("%s: %w", word, err))
}

// Duration reads the one argument of an option as a duration.
func Duration(d *caddyfile.Dispenser) (caddy.Duration, error) {
	var text string
	if !d.Args(&text) || d.NextArg() {
		return 0, d.ArgErr()
	}
	if text == "0" {
		return 0, nil
	}
	duration, err := record.ParseDuration(text)
	return caddy.Duration(duration), err
}

// Absolute resolves a path against the folder of the Caddyfile it stands in. Placeholders are left for run time.
func Absolute(d *caddyfile.Dispenser, path string) string {
	if filepath.IsAbs(path) || IsPlaceholder(path) {
		return path
	}
	return filepath.Join(Folder(d), path)
}

// Folder is the Caddyfile's.
func Folder(d *caddyfile.Dispenser) string {
	dir := filepath.Dir(d.File())
	resolved, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return resolved
}

// IsPlaceholder reports whether a value is to be found at run time, such as {env.REDIS_URL}.
func IsPlaceholder(value string) bool { return strings.HasPrefix(value, "{") }

// Address gives an address that may hold a password, from its placeholder. One that stands in the configuration itself is
// shown by the admin API and kept in its autosave: the log says so.
func Address(logger *zap.Logger, address string) (string, error) {
	if !IsPlaceholder(address) {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			if _, set := u.User.Password(); set {
				logger.Warn("a password stands in the configuration, which the admin API shows: write a placeholder such as {env.NAME}")
			}
		}
		return address, nil
	}
	return caddy.NewReplacer().ReplaceOrErr(address, true, true)
}
