package file

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Composer makes a keys file of the records of another store, as far as a keys file can hold them: each key has one secret
// there, which is not revoked, and nothing is said of when it was made or used.
type Composer struct {
	now        time.Time
	workspaces map[string]*record.Workspace
	keys       map[string][]composed // by workspace
	count      int
	revoked    []string // keys
	dead       []string // keys without a secret that works
	older      []string // keys whose further secrets work, and are left out
	times      bool
}

// composed is a key as the file holds it.
type composed struct {
	record.Key
	sum record.Sum
}

// NewComposer begins a keys file. Whether a secret works is judged at the given instant.
func NewComposer(now time.Time) *Composer {
	return &Composer{now: now, workspaces: map[string]*record.Workspace{}, keys: map[string][]composed{}}
}

// Records takes the records.
func (c *Composer) Records() keystore.Records {
	return keystore.Records{
		Workspace: func(w *record.Workspace) error {
			c.workspaces[w.ID] = w
			c.times = c.times || !w.SuspendedAt.IsZero()
			return nil
		},
		Key: c.key,
	}
}

func (c *Composer) key(k *keystore.MovedKey) error {
	if !k.RevokedAt.IsZero() {
		c.revoked = append(c.revoked, k.ID)
		return nil
	}
	var kept *keystore.MovedSecret
	working := 0
	for i, secret := range k.Secrets { // oldest first
		if secret.ExpiresAt.IsZero() || secret.ExpiresAt.After(c.now) {
			kept = &k.Secrets[i]
			working++
		}
		c.times = c.times || !secret.CreatedAt.IsZero() || !secret.LastUsedAt.IsZero()
	}
	if kept == nil {
		c.dead = append(c.dead, k.ID)
		return nil
	}
	if working > 1 {
		c.older = append(c.older, k.ID)
	}
	c.times = c.times || !k.CreatedAt.IsZero()
	key := k.Key
	if end := kept.ExpiresAt; !end.IsZero() && (key.ExpiresAt.IsZero() || end.Before(key.ExpiresAt)) {
		key.ExpiresAt = end // else the secret would live longer than it may
	}
	c.keys[k.Workspace] = append(c.keys[k.Workspace], composed{key, kept.Sum})
	c.count++
	return nil
}

// LeftOut says what the file does not hold, a line for each kind.
func (c *Composer) LeftOut(history bool) (lines []string) {
	add := func(what string, ids []string) {
		if len(ids) > 0 {
			lines = append(lines, fmt.Sprintf("%s (%d): %s", what, len(ids), some(ids)))
		}
	}
	add("revoked keys", c.revoked)
	add("keys without a secret that works", c.dead)
	add("older secrets that still work, of keys", c.older)
	if c.times {
		lines = append(lines, "when keys and secrets were made and last used, and workspaces suspended")
	}
	if history {
		lines = append(lines, "the history")
	}
	return lines
}

// some are the first few ids.
func some(ids []string) string {
	const few = 5
	if len(ids) <= few {
		return strings.Join(ids, " ")
	}
	return strings.Join(ids[:few], " ") + fmt.Sprintf(" and %d more", len(ids)-few)
}

// Counts are how many workspaces and keys the file holds.
func (c *Composer) Counts() (workspaces, keys int) { return len(c.workspaces), c.count }

// Text is the file. It was read back, and says what it should.
func (c *Composer) Text() ([]byte, error) {
	var text bytes.Buffer
	if len(c.workspaces) == 0 {
		return []byte("workspaces: []\n"), nil
	}
	text.WriteString("workspaces:\n")
	for _, id := range slices.Sorted(maps.Keys(c.workspaces)) {
		if err := c.compose(&text, c.workspaces[id]); err != nil {
			return nil, fmt.Errorf("workspace %s: %w", id, err)
		}
	}
	read, err := parseWhole("keys file", text.Bytes())
	if err != nil {
		return nil, err
	}
	return text.Bytes(), c.same(read)
}

// compose writes a workspace. Its values are in JSON's form, which YAML reads as well.
func (c *Composer) compose(text *bytes.Buffer, w *record.Workspace) error {
	fmt.Fprintf(text, "  - id: %s\n    plan: %s\n", inJSON(w.ID), inJSON(w.Plan))
	if len(w.Limits) > 0 {
		fmt.Fprintf(text, "    limits: %s\n", inJSON(w.Limits))
	}
	if len(w.Quotas) > 0 {
		fmt.Fprintf(text, "    quotas: %s\n", inJSON(w.Quotas))
	}
	if len(w.Metadata) > 0 {
		fmt.Fprintf(text, "    metadata: %s\n", inJSON(w.Metadata))
	}
	if w.Suspended() {
		fmt.Fprintf(text, "    suspended: %s\n", inJSON(w.SuspendedReason))
	}
	if len(c.keys[w.ID]) == 0 {
		return nil
	}
	text.WriteString("    keys:\n")
	for _, k := range c.keys[w.ID] {
		fmt.Fprintf(text, "      - {id: %s", inJSON(k.ID))
		if k.Name != "" {
			fmt.Fprintf(text, ", name: %s", inJSON(k.Name))
		}
		fmt.Fprintf(text, ", sha256: %q", hex.EncodeToString(k.sum[:]))
		if len(k.Scopes) > 0 {
			fmt.Fprintf(text, ", scopes: %s", inJSON(k.Scopes))
		}
		if len(k.AllowedIPs) > 0 {
			fmt.Fprintf(text, ", allowed_ips: %s", inJSON(k.AllowedIPs))
		}
		if len(k.Limits) > 0 {
			fmt.Fprintf(text, ", limits: %s", inJSON(k.Limits))
		}
		if !k.ExpiresAt.IsZero() {
			fmt.Fprintf(text, ", expires_at: %q", k.ExpiresAt.UTC().Format(time.RFC3339Nano))
		}
		if k.Disabled {
			text.WriteString(", disabled: true")
		}
		text.WriteString("}\n")
	}
	if text.Len() > maxSize {
		return fmt.Errorf("a keys file of all keys would have more than %d bytes, which is what one may have: keep so many in a database", maxSize)
	}
	return nil
}

// inJSON is a value as JSON, with all that YAML reads as something else written as numbers.
func inJSON(value any) string {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "?" // what comes out of a store went in as JSON; the file is read back before it is given to anybody
	}
	var text strings.Builder
	for _, r := range strings.TrimSpace(line.String()) {
		if r < 0x7f || r <= 0xffff && unicode.IsGraphic(r) || r > 0xffff {
			text.WriteRune(r)
		} else {
			fmt.Fprintf(&text, `\u%04x`, r)
		}
	}
	return text.String()
}

// same sees that a file that was read holds all of what was composed.
func (c *Composer) same(read *snapshot) error {
	for id, w := range c.workspaces {
		want := *w
		want.SuspendedAt = time.Time{}
		if got := read.workspaces[id]; got == nil || inJSON(got) != inJSON(&want) {
			return fmt.Errorf("workspace %s cannot be written to a keys file as it is: see its metadata", id)
		}
		for _, k := range c.keys[id] {
			got, want := read.identities[k.sum], k.Key
			want.CreatedAt = time.Time{}
			if got == nil || got.Workspace.ID != id || !reflect.DeepEqual(*got.Key, want) {
				return fmt.Errorf("key %s cannot be written to a keys file as it is", k.ID)
			}
		}
	}
	return nil
}

// Empty reports whether a file may be written whole because nobody loses anything: there is nothing in it, or nobody.
func Empty(text []byte) bool {
	switch strings.Join(strings.Fields(string(text)), " ") {
	case "", "workspaces: []", `{"workspaces": []}`, `{"workspaces":[]}`:
		return true
	}
	return false
}
