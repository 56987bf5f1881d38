package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// credentials finds host and token, each in the first place that has one: the flags, the environment,
// ~/.konecty/.env, and ~/.konecty/credentials.
func (s *session) credentials() (host, token string, err error) {
	env, err := s.readPairs(".env", "")
	if err != nil {
		return "", "", err
	}
	ini, err := s.readPairs("credentials", "default")
	if err != nil {
		return "", "", err
	}
	host = first(s.host, s.getenv("KONECTY_URL"), env["KONECTY_URL"], ini["host"])
	token = first(s.token, s.getenv("KONECTY_TOKEN"), env["KONECTY_TOKEN"], ini["authid"])
	switch {
	case host == "":
		err = errors.New("no host: give --host or KONECTY_URL, or write KONECTY_URL=https://… into ~/.konecty/.env")
	case token == "":
		err = errors.New("no token: give --token or KONECTY_TOKEN, or write KONECTY_TOKEN=… into ~/.konecty/.env")
	}
	if err != nil {
		return "", "", usageError{err}
	}
	return host, token, nil
}

func first(values ...string) string {
	for _, value := range values {
		if value = strings.TrimSpace(value); value != "" {
			return value
		}
	}
	return ""
}

// readPairs reads name=value lines of a file in ~/.konecty: of one section of an ini file, or all of them where section is
// empty. A file that is not there has none.
func (s *session) readPairs(file, section string) (map[string]string, error) {
	pairs := map[string]string{}
	if s.home == "" {
		return pairs, nil
	}
	text, err := os.ReadFile(filepath.Join(s.home, ".konecty", file))
	if errors.Is(err, fs.ErrNotExist) {
		return pairs, nil
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("reading the credentials: %w", err)}
	}
	within := section == ""
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		line = strings.TrimSpace(line)
		if name, header := strings.CutPrefix(line, "["); header {
			within = section == "" || strings.TrimSpace(strings.TrimSuffix(name, "]")) == section
			continue
		}
		at := strings.IndexAny(line, "=:")
		if section == "" {
			at = strings.IndexByte(line, '=')
		}
		if !within || at < 0 || line[0] == '#' || line[0] == ';' {
			continue
		}
		name := strings.TrimSpace(strings.TrimPrefix(line[:at], "export "))
		if section != "" {
			name = strings.ToLower(name)
		}
		if pairs[name] == "" {
			pairs[name] = unquoted(strings.TrimSpace(line[at+1:]))
		}
	}
	return pairs, nil
}

func unquoted(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
