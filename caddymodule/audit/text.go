package audit

import (
	"fmt"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

// Text is the report for people. Where a word is longer than a line it stands on one of its own.
func (r *Report) Text() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s\n", strings.ToUpper(string(f.Grade)), f.Rule)
		field(&b, "where", f.Place)
		field(&b, "what", f.What)
		if len(f.Examples) > 0 {
			field(&b, "which", f.which())
		}
		field(&b, "why", f.Why)
		field(&b, "do", f.Do)
		b.WriteString("\n")
	}
	for _, s := range r.Skipped {
		b.WriteString("NOT LOOKED AT\n")
		field(&b, "rules", strings.Join(s.Rules, ", "))
		field(&b, "why", s.Why)
		b.WriteString("\n")
	}
	r.summary(&b)
	return b.String()
}

func (r *Report) summary(b *strings.Builder) {
	field(b, "config", r.Config)
	if r.Store.Place != "" {
		field(b, "store", output.Unbroken(r.Store.Place))
	}
	holds := "not read"
	if r.Store.Read {
		holds = several(r.Store.Workspaces, "workspace") + ", " + several(r.Store.Keys, "key")
	}
	field(b, "holds", holds)
	field(b, "found", fmt.Sprintf("%s, %s, %s", several(r.Counts[Danger], "danger"), several(r.Counts[Warning], "warning"), several(r.Counts[Note], "note")))
}

// which names the first of many.
func (f *Finding) which() string {
	text := strings.Join(f.Examples, ", ")
	if more := f.Count - len(f.Examples); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// field writes a name and a text behind it, in lines that fit a terminal.
func field(b *strings.Builder, name, text string) {
	const indent = 9
	fmt.Fprintf(b, "  %-*s%s\n", indent-2, name, output.Hang(strings.ReplaceAll(text, "\n", " "), indent, indent, output.Width))
}
