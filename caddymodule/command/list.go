package command

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// filters are the flags that say which keys are listed.
func filters(cmd *cobra.Command) {
	cmd.Flags().String("workspace", "", "only those of this workspace")
	cmd.Flags().String("unused", "", "only live ones not used for so long, such as 90d; never used: since made")
	cmd.Flags().String("expiring", "", "only live ones that end within so long, such as 30d")
	cmd.Flags().String("scope", "", "only those that cover this scope, with a wildcard too")
}

// filter reads the flags of filters.
func (i *invocation) filter(now time.Time) (keystore.KeyFilter, error) {
	filter := keystore.KeyFilter{Workspace: i.text("workspace"), Now: now}
	for flag, set := range map[string]func(time.Duration){
		"unused":   func(d time.Duration) { filter.UnusedSince = now.Add(-d) },
		"expiring": func(d time.Duration) { filter.EndBy = now.Add(d) },
	} {
		if !i.given(flag) {
			continue
		}
		duration, err := record.ParseDuration(i.text(flag))
		if err != nil {
			return filter, fmt.Errorf("--%s: %w", flag, err)
		}
		set(duration)
	}
	if i.given("scope") {
		scope, err := record.ParseScope(i.text("scope"))
		if err != nil {
			return filter, fmt.Errorf("--scope: %w", err)
		}
		filter.Scope = scope
	}
	return filter, nil
}

// listKeys writes page after page: no list is too long for it.
func listKeys(i *invocation) error {
	now := time.Now()
	filter, err := i.filter(now)
	if err != nil {
		return err
	}
	return i.read(func(s *config.Store) error {
		write := i.tableOfKeys
		if i.json() {
			write = jsonOfKeys
		}
		for after, first := "", true; ; first = false {
			keys, err := s.FindKeys(i, filter, after, pageSize)
			if err != nil {
				return err
			}
			last := len(keys) < pageSize
			if err := write(i.out(), keys, now, first, last); err != nil || last {
				return err
			}
			after = keys[len(keys)-1].ID
		}
	})
}

// tableOfKeys writes a page of a table for people. It shows when keys end, or were last used, where they were asked for by that: those
// are all active.
func (i *invocation) tableOfKeys(w io.Writer, keys []*keystore.Key, now time.Time, first, _ bool) error {
	ending, unused := i.given("expiring"), i.given("unused")
	columns := []output.Column{output.Whole("KEY"), output.Whole("WORKSPACE"), output.Short("NAME"), output.Whole("STATE").If(!ending && !unused),
		output.Short("SCOPES"), output.Wide("ALLOWED IPS"), output.Wide("OWN LIMITS"), output.Whole("EXPIRES").If(ending), output.Whole("LAST USED").If(unused && !ending)}
	if !first {
		columns = output.WithoutHeads(columns)
	}
	rows := make([][]string, len(keys))
	for n, k := range keys {
		rows[n] = []string{k.ID, k.Workspace, output.Dash(k.Name), k.State(now), output.Words(k.Scopes), anywhere(&k.Key), output.Words(k.Limits),
			output.When(k.ExpiresAt, "never"), output.When(lastUse(k), "never")}
	}
	return output.Table(w, i.width(), columns, rows)
}

// jsonOfKeys writes a page of one array.
func jsonOfKeys(w io.Writer, keys []*keystore.Key, now time.Time, first, last bool) error {
	text := []byte{}
	if first {
		text = append(text, '[')
	}
	for n, k := range keys {
		view, err := json.Marshal(keysapi.NewView(k, now))
		if err != nil {
			return err
		}
		if n > 0 || !first {
			text = append(text, ',')
		}
		text = append(text, view...)
	}
	if last {
		text = append(text, "]\n"...)
	}
	_, err := w.Write(text)
	return err
}
