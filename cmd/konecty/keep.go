package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

// keep writes a session into ~/.konecty/.env and ~/.konecty/credentials, for this program and others that read them, and
// names the files. What else stands in them stays.
func (s *session) keep(opened api.Opened) (files []string, err error) {
	if s.home == "" {
		return nil, errors.New("there is no home folder to keep the session in: set HOME")
	}
	host := s.client.Host()
	if strings.ContainsAny(host, "[]\"'`$\\ ") {
		return nil, fmt.Errorf("the session cannot be kept: %s would mean something else in the files", api.Line(host))
	}
	folder := filepath.Join(s.home, ".konecty")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the session: %w", err)
	}
	for _, file := range []struct {
		name   string
		change func(string) string
	}{
		{".env", func(text string) string {
			return withVariables(text, pair{"KONECTY_URL", host}, pair{"KONECTY_TOKEN", opened.Token}, pair{"KONECTY_USER_ID", opened.UserID})
		}},
		{"credentials", func(text string) string {
			for _, section := range []string{"default", host} {
				text = withSection(text, section, pair{"host", host}, pair{"userId", opened.UserID}, pair{"authId", opened.Token})
			}
			return text
		}},
	} {
		path := filepath.Join(folder, file.name)
		before, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading what the session is kept with: %w", err)
		}
		if err := replaceFile(path, []byte(file.change(string(before))), 0o600); err != nil {
			return nil, fmt.Errorf("keeping the session: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

// pair is a name with its value. An empty value removes the name.
type pair struct{ name, value string }

// lines are those of a text, each with its end; the last gets one if it has none.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		list = append(list, strings.TrimSuffix(line, "\n")+"\n")
	}
	return list
}

// withVariables sets NAME=value lines and leaves the others as they are.
func withVariables(text string, pairs ...pair) string {
	var b strings.Builder
	for _, line := range lines(text) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")), "export "), "=")
		if !names(pairs, strings.TrimSpace(name)) {
			b.WriteString(line)
		}
	}
	writePairs(&b, "=", pairs)
	return b.String()
}

// withSection sets name = value lines in a section of an ini file, which is added if it is not there.
func withSection(text, section string, pairs ...pair) string {
	var b strings.Builder
	within, written := false, false
	for _, line := range lines(text) {
		trimmed := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if strings.HasPrefix(trimmed, "[") {
			within = sectionName(trimmed) == section
			b.WriteString(line)
			if within && !written {
				writePairs(&b, " = ", pairs)
				written = true
			}
			continue
		}
		if at := strings.IndexAny(trimmed, "=:"); !within || at < 0 || !names(pairs, strings.TrimSpace(trimmed[:at])) {
			b.WriteString(line)
		}
	}
	if !written {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString("[" + section + "]\n")
		writePairs(&b, " = ", pairs)
	}
	return b.String()
}

// sectionName is what stands between the brackets of a section's line. A host may hold brackets itself; a slash at its end does
// not count.
func sectionName(line string) string {
	return strings.TrimRight(strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(line, "["), "]")), "/")
}

func names(pairs []pair, name string) bool {
	for _, p := range pairs {
		if strings.EqualFold(p.name, name) {
			return true
		}
	}
	return false
}

func writePairs(b *strings.Builder, between string, pairs []pair) {
	for _, p := range pairs {
		if p.value != "" {
			b.WriteString(p.name + between + p.value + "\n")
		}
	}
}
