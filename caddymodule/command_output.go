package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// workspaceView is a workspace as --json and the admin endpoint give it.
type workspaceView struct {
	ID       string          `json:"id"`
	Plan     string          `json:"plan"`
	Limits   []record.Window `json:"limits"`
	Metadata map[string]any  `json:"metadata"`
}

func viewWorkspace(w *record.Workspace) workspaceView {
	view := workspaceView{ID: w.ID, Plan: w.Plan, Limits: w.Limits, Metadata: w.Metadata}
	if view.Limits == nil {
		view.Limits = []record.Window{}
	}
	if view.Metadata == nil {
		view.Metadata = map[string]any{}
	}
	return view
}

// createdView is a key as --json gives it when it got a secret a moment ago.
type createdView struct {
	ID         string         `json:"id"`
	Secret     string         `json:"secret"`
	Workspace  string         `json:"workspace"`
	Name       string         `json:"name"`
	Scopes     []record.Scope `json:"scopes"`
	AllowedIPs []netip.Prefix `json:"allowed_ips"`
	ExpiresAt  *time.Time     `json:"expires_at"`
}

// eventView is a change of a key as --json gives it.
type eventView struct {
	At        time.Time       `json:"at"`
	By        string          `json:"by"`
	Action    string          `json:"action"`
	Workspace string          `json:"workspace"`
	Key       string          `json:"key"`
	Details   json.RawMessage `json:"details"`
}

// lastUse is when any secret of the key was last used; zero: never.
func lastUse(k *keystore.Key) (last time.Time) {
	for _, secret := range k.Secrets {
		if secret.LastUsedAt.After(last) {
			last = secret.LastUsedAt
		}
	}
	return last
}

// when writes an instant for people, or what stands for none.
func when(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

// words joins values for people; none: "-".
func words[T any](list []T) string {
	if len(list) == 0 {
		return "-"
	}
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = fmt.Sprint(one)
	}
	return strings.Join(texts, " ")
}

// compactJSON writes a value on one line; nothing at all of it: "-".
func compactJSON[T any](m map[string]T) string {
	if len(m) == 0 {
		return "-"
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "?"
	}
	return string(text)
}

// table writes rows in columns. The first row is the head.
func table(w io.Writer, rows [][]string) error {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		if _, err := fmt.Fprintln(aligned, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return aligned.Flush()
}

// printable keeps what strangers wrote (a file's name, a policy's message about a request) from moving the terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// fields writes names and values, one pair a line.
func fields(w io.Writer, pairs ...string) error {
	rows := make([][]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		rows = append(rows, pairs[i:i+2])
	}
	return table(w, rows)
}

// printJSON writes a value for programs, on one line.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
