package main

import (
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/payload"
)

// closeness is how well a word names a module, the best first.
type closeness int

const (
	sameDocument closeness = iota
	sameLabel
	beginning // one begins with the other: oport, contatos
	within
	slip // nearly the same
	unlike
)

// exactly are the modules that a word names without any guessing: by document, or else by label, in any letter case.
func exactly(modules []api.Module, word string) (*api.Module, error) {
	return choose(modules, word, sameLabel)
}

// roughly also guesses. It is for looking only, never for what is written.
func roughly(modules []api.Module, word string) (*api.Module, error) {
	return choose(modules, word, slip)
}

// choose gives the one module that a word names best, if it does so at least this well.
func choose(modules []api.Module, word string, worst closeness) (*api.Module, error) {
	best, found := worst, []*api.Module{}
	for i := range modules {
		how := compare(&modules[i], word)
		if how < best {
			best, found = how, nil
		}
		if how == best {
			found = append(found, &modules[i])
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no module %s: %s", api.Line(word), suggestion(modules, word))
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].Document
	}
	return nil, fmt.Errorf("%s may be %s: say which", api.Line(word), strings.Join(names, " or "))
}

func compare(m *api.Module, word string) closeness {
	if m.Document == word {
		return sameDocument
	}
	word = strings.ToLower(strings.TrimSpace(word))
	how := unlike
	for i, name := range []string{m.Document, m.Label} {
		name = strings.ToLower(name)
		switch {
		case word == "" || name == "":
		case name == word:
			how = min(how, closeness(i))
		case strings.HasPrefix(name, word) || strings.HasPrefix(word, name):
			how = min(how, beginning)
		case strings.Contains(name, word):
			how = min(how, within)
		case len(payload.Nearest(word, []string{name})) > 0:
			how = min(how, slip)
		}
	}
	return how
}

// suggestion names the modules that may have been meant, or where to find them.
func suggestion(modules []api.Module, word string) string {
	var near []string
	for how := beginning; how <= slip; how++ {
		for i := range modules {
			if compare(&modules[i], word) == how && len(near) < 3 {
				near = append(near, modules[i].Document)
			}
		}
	}
	if near == nil {
		return `"konecty modules" lists them`
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}
