// Package transfer writes down all that a key store holds as one stream of JSON Lines, and reads it back. The stream is
// versioned, holds hashes and no secret, and ends with a checksum: one that was cut or changed on its way is refused.
//
// Its first line is a header, its last a trailer. Between them stand workspaces, then keys with their secrets, then the history;
// each line is one JSON object, whose "record" says what it is. Members with the value that most have (none, false) are left
// out. Times are RFC 3339 in UTC, to the microsecond.
package transfer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// What a stream is called, and the version of its form that this package writes and reads.
const (
	Format  = "tollgate store"
	Version = 1
)

// Header is what the first line says.
type Header struct {
	// Schema is the version of the form of the store that it came from; 0: that has none.
	Schema int
	// MadeAt is when it was written.
	MadeAt time.Time
	// Tollgate is the version of the program that wrote it.
	Tollgate string
	// History says that it holds the history of workspaces and keys.
	History bool
}

// Counts are how many records of each kind a stream holds.
type Counts struct {
	Workspaces int `json:"workspaces"`
	Keys       int `json:"keys"`
	Secrets    int `json:"secrets"`
	Events     int `json:"events"`
}

type headerLine struct {
	Record   string  `json:"record"`
	Format   string  `json:"format"`
	Version  int     `json:"version"`
	Schema   int     `json:"schema,omitempty"`
	MadeAt   instant `json:"made_at"`
	Tollgate string  `json:"tollgate"`
	History  bool    `json:"history,omitempty"`
}

type workspaceLine struct {
	Record          string          `json:"record"`
	ID              string          `json:"id"`
	Plan            string          `json:"plan"`
	Limits          []record.Window `json:"limits,omitempty"`
	Quotas          []record.Quota  `json:"quotas,omitempty"`
	Metadata        map[string]any  `json:"metadata,omitempty"`
	SuspendedAt     instant         `json:"suspended_at,omitzero"`
	SuspendedReason string          `json:"suspended_reason,omitempty"`
}

type keyLine struct {
	Record     string          `json:"record"`
	ID         string          `json:"id"`
	Workspace  string          `json:"workspace"`
	Name       string          `json:"name,omitempty"`
	Scopes     []record.Scope  `json:"scopes,omitempty"`
	AllowedIPs []netip.Prefix  `json:"allowed_ips,omitempty"`
	Limits     []record.Window `json:"limits,omitempty"`
	CreatedAt  instant         `json:"created_at,omitzero"`
	ExpiresAt  instant         `json:"expires_at,omitzero"`
	Disabled   bool            `json:"disabled,omitempty"`
	RevokedAt  instant         `json:"revoked_at,omitzero"`
	Secrets    []secretLine    `json:"secrets"`
}

type secretLine struct {
	SHA256     sum     `json:"sha256"`
	CreatedAt  instant `json:"created_at,omitzero"`
	ExpiresAt  instant `json:"expires_at,omitzero"`
	LastUsedAt instant `json:"last_used_at,omitzero"`
}

type eventLine struct {
	Record    string          `json:"record"`
	At        instant         `json:"at"`
	By        string          `json:"by"`
	Action    string          `json:"action"`
	Workspace string          `json:"workspace"`
	Key       string          `json:"key,omitempty"`
	Details   json.RawMessage `json:"details"`
}

type trailerLine struct {
	Record string `json:"record"`
	Counts
	SHA256 sum `json:"sha256"`
}

func (l *workspaceLine) workspace() (*record.Workspace, error) {
	w := &record.Workspace{ID: l.ID, Plan: l.Plan, Limits: l.Limits, Quotas: l.Quotas, Metadata: l.Metadata,
		SuspendedAt: time.Time(l.SuspendedAt), SuspendedReason: l.SuspendedReason}
	if len(w.Limits) == 0 {
		w.Limits = nil // as every store gives it
	}
	if len(w.Quotas) == 0 {
		w.Quotas = nil
	}
	if len(w.Metadata) == 0 {
		w.Metadata = nil
	}
	return w, keystore.CheckWorkspace(w)
}

func lineOfWorkspace(w *record.Workspace) *workspaceLine {
	return &workspaceLine{Record: "workspace", ID: w.ID, Plan: w.Plan, Limits: w.Limits, Quotas: w.Quotas, Metadata: w.Metadata,
		SuspendedAt: instant(w.SuspendedAt), SuspendedReason: w.SuspendedReason}
}

func (l *keyLine) key() (*keystore.MovedKey, error) {
	k := &keystore.MovedKey{Workspace: l.Workspace, Key: record.Key{ID: l.ID, Name: l.Name, Scopes: l.Scopes, AllowedIPs: l.AllowedIPs, Limits: l.Limits,
		CreatedAt: time.Time(l.CreatedAt), ExpiresAt: time.Time(l.ExpiresAt), Disabled: l.Disabled, RevokedAt: time.Time(l.RevokedAt)}}
	if len(k.Scopes) == 0 {
		k.Scopes = nil
	}
	if len(k.AllowedIPs) == 0 {
		k.AllowedIPs = nil
	}
	if len(k.Limits) == 0 {
		k.Limits = nil
	}
	for _, s := range l.Secrets {
		k.Secrets = append(k.Secrets, keystore.MovedSecret{Sum: record.Sum(s.SHA256), Secret: keystore.Secret{
			CreatedAt: time.Time(s.CreatedAt), ExpiresAt: time.Time(s.ExpiresAt), LastUsedAt: time.Time(s.LastUsedAt)}})
	}
	return k, checkKey(k)
}

func checkKey(k *keystore.MovedKey) error {
	if err := keystore.CheckKey(&k.Key); err != nil {
		return err
	}
	if err := record.CheckID(k.Workspace); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	for _, s := range k.Secrets {
		if s.Sum == (record.Sum{}) {
			return errors.New("a secret has no sha256")
		}
	}
	return nil
}

func lineOfKey(k *keystore.MovedKey) *keyLine {
	l := &keyLine{Record: "key", ID: k.ID, Workspace: k.Workspace, Name: k.Name, Scopes: k.Scopes, AllowedIPs: k.AllowedIPs, Limits: k.Limits,
		CreatedAt: instant(k.CreatedAt), ExpiresAt: instant(k.ExpiresAt), Disabled: k.Disabled, RevokedAt: instant(k.RevokedAt),
		Secrets: make([]secretLine, 0, len(k.Secrets))}
	for _, s := range k.Secrets {
		l.Secrets = append(l.Secrets, secretLine{sum(s.Sum), instant(s.CreatedAt), instant(s.ExpiresAt), instant(s.LastUsedAt)})
	}
	return l
}

func (l *eventLine) event() (*keystore.Event, error) {
	e := &keystore.Event{At: time.Time(l.At), Act: keystore.Act{By: l.By, Action: l.Action}, Workspace: l.Workspace, Key: l.Key, Details: l.Details}
	return e, checkEvent(e)
}

func checkEvent(e *keystore.Event) error {
	if err := record.CheckID(e.Workspace); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if e.Key != "" {
		if err := record.CheckID(e.Key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	switch {
	case e.At.IsZero():
		return errors.New("it has no time at which it was")
	case strings.ContainsRune(e.By+e.Action, 0):
		return errors.New("by and action hold a zero byte, which PostgreSQL keeps in no text")
	case len(e.Details) == 0 || e.Details[0] != '{':
		return errors.New("details must be an object")
	}
	return nil
}

func lineOfEvent(e *keystore.Event) *eventLine {
	return &eventLine{Record: "event", At: instant(e.At), By: e.By, Action: e.Action, Workspace: e.Workspace, Key: e.Key, Details: e.Details}
}

// instant is a time of the stream. The zero one is none.
type instant time.Time

// IsZero leaves it out.
func (i instant) IsZero() bool { return time.Time(i).IsZero() }

// MarshalText gives RFC 3339 in UTC.
func (i instant) MarshalText() ([]byte, error) {
	t := time.Time(i).UTC()
	if err := checkInstant(t); err != nil {
		return nil, err
	}
	return t.AppendFormat(nil, time.RFC3339Nano), nil
}

// UnmarshalText reads RFC 3339.
func (i *instant) UnmarshalText(text []byte) error {
	t, err := keystore.ParseTime(string(text))
	if err == nil {
		err = checkInstant(t)
	}
	*i = instant(t)
	return err
}

// checkInstant refuses what stores keep as no time at all, and what RFC 3339 cannot write.
func checkInstant(t time.Time) error {
	if t.UnixMicro() <= 0 || t.Year() > 9999 {
		return fmt.Errorf("time %s is out of range: it must lie between the years 1970 and 9999", t.Format(time.RFC3339))
	}
	return nil
}

// sum is a SHA-256 in hexadecimal digits.
type sum record.Sum

// MarshalText gives 64 digits.
func (s sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads them. The text is in no error: somebody may have put a secret there.
func (s *sum) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(s[:], text[:min(len(text), 2*len(s))]); err != nil || n != len(s) || len(text) != 2*len(s) {
		return errors.New("sha256 is not the SHA-256 of a secret: it has 64 hexadecimal digits")
	}
	return nil
}
