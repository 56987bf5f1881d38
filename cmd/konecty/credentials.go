package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// places are where host and token may be said: the flags, the environment, ~/.konecty/.env, and ~/.konecty/credentials.
type places struct {
	flags, environment, env, fallback pairsOfHost
	// sections are those of the file credentials, by name.
	sections map[string]map[string]string
}

// pairsOfHost are a host and a token that were said in one place.
type pairsOfHost struct{ host, token string }

func (s *session) places() (*places, error) {
	env, err := s.readPairs(".env", false)
	if err != nil {
		return nil, err
	}
	sections, err := s.readPairs("credentials", true)
	if err != nil {
		return nil, err
	}
	return &places{
		flags:       pairsOfHost{s.host, s.token},
		environment: pairsOfHost{s.getenv("KONECTY_URL"), s.getenv("KONECTY_TOKEN")},
		env:         pairsOfHost{env[""]["KONECTY_URL"], env[""]["KONECTY_TOKEN"]},
		fallback:    pairsOfHost{sections["default"]["host"], sections["default"]["authid"]},
		sections:    sections,
	}, nil
}

// hostname is the host of the first place that says one.
func (p *places) hostname() (string, error) {
	host := first(p.flags.host, p.environment.host, p.env.host, p.fallback.host)
	if host == "" {
		return "", usageError{errors.New("no host: give --host or KONECTY_URL, or write KONECTY_URL=https://… into ~/.konecty/.env")}
	}
	return strings.TrimRight(host, "/"), nil
}

// tokenFor is the token of the first place that says one. The files' are for the hosts that stand with them, and sent to no
// other; of the sections of credentials that of the host comes before [default].
func (p *places) tokenFor(host string) (string, error) {
	stored := func(of pairsOfHost) string {
		if of.host != "" && strings.TrimRight(of.host, "/") != host {
			return ""
		}
		return of.token
	}
	token := first(p.flags.token, p.environment.token, stored(p.env), p.sections[host]["authid"], stored(p.fallback))
	if token == "" {
		return "", usageError{fmt.Errorf("no token for %s: log in with \"konecty login\", or give a gateway's key as KONECTY_TOKEN or --token", host)}
	}
	return token, nil
}

// credentials finds host and token.
func (s *session) credentials() (host, token string, err error) {
	p, err := s.places()
	if err != nil {
		return "", "", err
	}
	if host, err = p.hostname(); err != nil {
		return "", "", err
	}
	token, err = p.tokenFor(host)
	return host, token, err
}

func first(values ...string) string {
	for _, value := range values {
		if value = strings.TrimSpace(value); value != "" {
			return value
		}
	}
	return ""
}

// readPairs reads name=value lines of a file in ~/.konecty by section: those of an ini file, or all of them in none. A file
// that is not there has none. Of a name that stands twice the first counts.
func (s *session) readPairs(file string, ini bool) (map[string]map[string]string, error) {
	sections := map[string]map[string]string{"": {}}
	if s.home == "" {
		return sections, nil
	}
	text, err := os.ReadFile(filepath.Join(s.home, ".konecty", file))
	if errors.Is(err, fs.ErrNotExist) {
		return sections, nil
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("reading the credentials: %w", err)}
	}
	within := sections[""]
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		line = strings.TrimSpace(line)
		if ini && strings.HasPrefix(line, "[") {
			name := sectionName(line)
			if sections[name] == nil {
				sections[name] = map[string]string{}
			}
			within = sections[name]
			continue
		}
		marks := "="
		if ini {
			marks = "=:"
		}
		at := strings.IndexAny(line, marks)
		if at < 0 || line[0] == '#' || line[0] == ';' {
			continue
		}
		name := strings.TrimSpace(strings.TrimPrefix(line[:at], "export "))
		if ini {
			name = strings.ToLower(name)
		}
		if within[name] == "" {
			within[name] = unquoted(strings.TrimSpace(line[at+1:]))
		}
	}
	return sections, nil
}

func unquoted(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
