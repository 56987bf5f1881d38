// Package dispenser reads what the parsers of several Caddyfile words share: durations, paths that start at the Caddyfile's
// folder, placeholders, and the places that errors name.
package dispenser

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
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

// Absolute resolves a path against the folder of the Caddyfile it stands in. Placeholders are left for run time: Resolve
// replaces them.
func Absolute(d *caddyfile.Dispenser, path string) string {
	if filepath.IsAbs(path) || IsPlaceholder(path) {
		return path
	}
	return filepath.Join(literal(Folder(d)), path)
}

// literal keeps braces in the name of a folder from being placeholders.
func literal(path string) string { return strings.NewReplacer("{", `\{`, "}", `\}`).Replace(path) }

// Folder is the Caddyfile's.
func Folder(d *caddyfile.Dispenser) string {
	dir := filepath.Dir(d.File())
	resolved, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return resolved
}

// Resolve replaces the placeholders of a path, each of which must be set. A path that is relative then, as the value of a
// placeholder may be, starts at the folder; empty: at the working directory.
func Resolve(path, folder string) (string, error) {
	path, err := replaced(path)
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	return filepath.Join(folder, path), nil
}

// replaced replaces the placeholders of a text, each of which must be set.
func replaced(text string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return value, fmt.Errorf("%w: set it where gateways and commands run", err)
	}
	return value, nil
}

// IsPlaceholder reports whether a value begins with what is to be found at run time, such as {env.REDIS_URL}.
func IsPlaceholder(value string) bool { return strings.HasPrefix(value, "{") }

// runtimeValue is a placeholder inside an address. Other braces are the address's own: a password may hold some.
var runtimeValue = regexp.MustCompile(`\{(?:env|file|system)\.[^{}]+\}`)

// IsLater reports whether an address can be read at run time only.
func IsLater(address string) bool { return IsPlaceholder(address) || runtimeValue.MatchString(address) }

// passwordWord is a password in an address of key=value words.
var passwordWord = regexp.MustCompile(`(?:^|\s)password\s*=\s*(\S+)`)

// HoldsPassword reports whether a password stands in the address itself, and not in a placeholder.
func HoldsPassword(address string) bool {
	text := runtimeValue.ReplaceAllString(address, "elsewhere")
	if u, err := url.Parse(text); err == nil && u.User != nil {
		password, set := u.User.Password()
		return set && !strings.Contains(password, "elsewhere")
	}
	word := passwordWord.FindStringSubmatch(text)
	return word != nil && !strings.Contains(word[1], "elsewhere")
}

// Address gives an address that may hold a password, its placeholders replaced. A password that stands in the configuration
// itself is shown by the admin API and kept in its autosave: the log says so. No error holds any part of the address but the
// placeholders.
func Address(logger *zap.Logger, address string) (string, error) {
	if HoldsPassword(address) {
		logger.Warn("a password stands in the configuration, which the admin API shows: write a placeholder such as {env.NAME}")
	}
	if IsPlaceholder(address) && !runtimeValue.MatchString(address) {
		return replaced(address)
	}
	var unset error
	return runtimeValue.ReplaceAllStringFunc(address, func(placeholder string) string {
		value, err := replaced(placeholder)
		if err != nil {
			unset = err
		}
		return value
	}), unset
}
