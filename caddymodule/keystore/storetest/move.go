package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Movable is a store whose content can leave it and come into it.
type Movable interface {
	Writable
	keystore.Exporter
	keystore.Importer
	keystore.Keeper
}

// Exported is all that a store holds, as a stream.
func Exported(t testing.TB, s keystore.Exporter, history bool) string {
	t.Helper()
	var text bytes.Buffer
	w, err := transfer.NewWriter(&text, transfer.Header{Schema: s.Schema(), MadeAt: time.Now(), Tollgate: "test", History: history})
	require.NoError(t, err)
	require.NoError(t, s.Export(t.Context(), w.Records(history)))
	_, err = w.Close()
	require.NoError(t, err)
	return text.String()
}

// Content is a stream without its header and trailer.
func Content(stream string) string {
	lines := strings.SplitAfter(stream, "\n")
	return strings.Join(lines[1:len(lines)-2], "")
}

// Imported puts a stream into a store.
func Imported(t testing.TB, s keystore.Importer, stream string, dry bool) (*keystore.Imported, error) {
	t.Helper()
	checked, err := transfer.Check("stream", strings.NewReader(stream))
	require.NoError(t, err)
	return s.Import(t.Context(), Act, func(to keystore.Records) error {
		return checked.Replay("stream", strings.NewReader(stream), to)
	}, keystore.ImportOptions{Dry: dry, History: checked.History})
}

// Used fills a store as years would: with rotated, revoked and used keys.
func Used(t testing.TB, s Movable) {
	t.Helper()
	Fill(t, s, Example())
	_, err := s.RotateKey(t.Context(), Act, "key_full", record.SumOf("second secret of key_full"), time.Hour)
	require.NoError(t, err)
	_, err = s.UpdateKey(t.Context(), Act, "key_plain", func(k *record.Key) error { k.RevokedAt = time.Now().UTC().Truncate(time.Microsecond); return nil })
	require.NoError(t, err)
	require.NoError(t, s.WriteUses(t.Context(), []keystore.Use{{Sum: record.SumOf(Full), At: time.Now()}}))
	require.NoError(t, s.CreateWorkspace(t.Context(), Act, &record.Workspace{ID: "WS_1", Plan: "pro", Metadata: map[string]any{"note": "<b> & ü"}}))
	// In an order by words, as a database may have it, key.1 comes before KEY_2.
	require.NoError(t, s.CreateKeys(t.Context(), Act, "WS_1", []keystore.NewKey{
		{Key: record.Key{ID: "key.1"}, Sum: record.SumOf("key.1")}, {Key: record.Key{ID: "KEY_2"}, Sum: record.SumOf("KEY_2")}}))
}

// Move checks how all that a store holds comes into another. Open gives an empty store, and execute does something to its
// database past it.
func Move(t *testing.T, open func(t *testing.T) Movable, execute func(t *testing.T, s Movable, statement string)) {
	t.Run("what was deleted stays deleted", func(t *testing.T) { whatWasDeleted(t, open, execute) })
	for name, test := range map[string]func(*testing.T, func(*testing.T) Movable){
		"into an empty store all":            intoAnEmptyStore,
		"without history":                    withoutHistory,
		"into another what is missing":       whatIsMissing,
		"nothing strict is taken back":       nothingStrictIsTakenBack,
		"the stricter comes in":              theStricterComesIn,
		"conflicts are named and nothing is": conflicts,
		"a dry run changes nothing":          aDryRun,
		"a source that fails leaves nothing": aSourceThatFails,
		"a gateway sees it":                  aGatewaySeesIt,
		"checks well":                        checksWell,
		"an export is of one moment":         ofOneMoment,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func intoAnEmptyStore(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	stream := Exported(t, from, true)
	for _, secret := range []string{Full, Plain, Disabled} {
		require.NotContains(t, stream, secret)
	}
	done, err := Imported(t, to, stream, false)
	require.NoError(t, err)
	require.Equal(t, 4, done.Workspaces.Added)
	require.Equal(t, 6, done.Keys.Added)
	require.Equal(t, 7, done.Secrets)
	require.Empty(t, done.Named, "into an empty store all comes")
	require.Equal(t, Content(stream), Content(Exported(t, to, true)))
	events, err := to.History(t.Context(), "", "key_full", 10)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, Act.By, events[0].By)

	again, err := Imported(t, to, stream, false)
	require.NoError(t, err)
	require.True(t, again.Nothing(), "a second time nothing is missing")
	require.Equal(t, 6, again.Keys.Same)
	require.Equal(t, Content(stream), Content(Exported(t, to, true)))
}

func withoutHistory(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	done, err := Imported(t, to, Exported(t, from, false), false)
	require.NoError(t, err)
	require.Zero(t, done.Events)
	require.Equal(t, Content(Exported(t, from, false)), Content(Exported(t, to, false)))
	events, err := to.History(t.Context(), "", "key_full", 10)
	require.NoError(t, err)
	require.Len(t, events, 1, "the import itself is its history")
	require.Equal(t, Act.Action, events[0].Action)
	require.Contains(t, string(events[0].Details), "agent.leads.*")
}

func whatIsMissing(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	Fill(t, to, Example()[1:]) // ws_other with key_plain, ws_paused with key_paused
	_, err := to.UpdateWorkspace(t.Context(), Act, "ws_paused", func(w *record.Workspace) error { w.SuspendedReason = ""; return nil })
	require.NoError(t, err)
	_, err = to.UpdateWorkspace(t.Context(), Act, "ws_other", func(w *record.Workspace) error { w.Plan = "tiny"; return nil })
	require.NoError(t, err)
	done, err := Imported(t, to, Exported(t, from, true), false)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1, 4, 1}, []int{done.Workspaces.Added, done.Workspaces.Changed, done.Workspaces.Left, done.Keys.Added, done.Keys.Changed})
	require.Contains(t, done.Named, keystore.Outcome{Record: "workspace", ID: "ws_other", Result: "left", Why: "kept as it is here: plan"})
	require.Contains(t, done.Named, keystore.Outcome{Record: "workspace", ID: "ws_paused", Result: "changed", Why: "suspended"})
	require.Contains(t, done.Named, keystore.Outcome{Record: "key", ID: "key_plain", Result: "changed", Why: "revoked"})
	require.Contains(t, done.Named, keystore.Outcome{Record: "key", ID: "key_full", Result: "added"})
	paused, err := to.Workspace(t.Context(), "ws_paused")
	require.NoError(t, err)
	require.Equal(t, "invoice 117 unpaid", paused.SuspendedReason)
	w, err := to.Workspace(t.Context(), "ws_other")
	require.NoError(t, err)
	require.Equal(t, "tiny", w.Plan)
	_, err = to.Lookup(t.Context(), record.SumOf("second secret of key_full"))
	require.NoError(t, err)
	events, err := to.History(t.Context(), "", "key_plain", 10)
	require.NoError(t, err)
	require.Len(t, events, 2, "its own creation, and what the import did to it: %v", events)
	require.JSONEq(t, strings.Replace(`{"revoked_at": "AT"}`, "AT", revokedAt(t, from).Format(time.RFC3339Nano), 1), string(events[0].Details))
}

func revokedAt(t *testing.T, s Movable) time.Time {
	t.Helper()
	k, err := s.Key(t.Context(), "key_plain")
	require.NoError(t, err)
	return k.RevokedAt
}

// before is a store as it was when its stream was made, and the stream.
func before(t *testing.T, open func(*testing.T) Movable) (Movable, string) {
	t.Helper()
	s := open(t)
	Fill(t, s, Example())
	return s, Exported(t, s, true)
}

func nothingStrictIsTakenBack(t *testing.T, open func(*testing.T) Movable) {
	s, stream := before(t, open)
	_, err := s.UpdateKey(t.Context(), Act, "key_plain", func(k *record.Key) error { k.RevokedAt = time.Now(); return nil })
	require.NoError(t, err)
	_, err = s.UpdateWorkspace(t.Context(), Act, "ws_acme", func(w *record.Workspace) error { w.SuspendedAt, w.SuspendedReason = time.Now(), "abuse"; return nil })
	require.NoError(t, err)
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	_, err = s.UpdateKey(t.Context(), Act, "key_full", func(k *record.Key) error { k.Disabled, k.ExpiresAt = true, soon; return nil })
	require.NoError(t, err)
	_, err = s.RotateKey(t.Context(), Act, "key_full", record.SumOf("of key_full"), 0)
	require.NoError(t, err)
	now := Exported(t, s, true)
	done, err := Imported(t, s, stream, false)
	require.NoError(t, err)
	require.True(t, done.Nothing())
	require.ElementsMatch(t, []keystore.Outcome{
		{Record: "workspace", ID: "ws_acme", Result: "left", Why: "kept as it is here: suspended"},
		{Record: "key", ID: "key_full", Result: "left", Why: "kept as it is here: expires_at, disabled"},
		{Record: "key", ID: "key_plain", Result: "left", Why: "it is revoked here"},
	}, done.Named)
	require.Equal(t, Content(now), Content(Exported(t, s, true)))
}

func theStricterComesIn(t *testing.T, open func(*testing.T) Movable) {
	s, old := before(t, open)
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	_, err := s.UpdateKey(t.Context(), Act, "key_full", func(k *record.Key) error { k.ExpiresAt = soon; return nil })
	require.NoError(t, err)
	_, err = s.RotateKey(t.Context(), Act, "key_full", record.SumOf("of key_full"), time.Minute)
	require.NoError(t, err)
	_, err = s.UpdateKey(t.Context(), Act, "key_plain", func(k *record.Key) error { k.Disabled = true; return nil })
	require.NoError(t, err)
	to := open(t)
	_, err = Imported(t, to, old, false)
	require.NoError(t, err)
	done, err := Imported(t, to, Exported(t, s, true), false)
	require.NoError(t, err)
	require.Equal(t, 2, done.Keys.Changed)
	require.Contains(t, done.Named, keystore.Outcome{Record: "key", ID: "key_full", Result: "changed", Why: "ends earlier, secrets added: 1, secrets that end earlier: 1"})
	require.Equal(t, Content(Exported(t, s, false)), Content(Exported(t, to, false)), "all of the changes were made stricter")
}

func whatWasDeleted(t *testing.T, open func(*testing.T) Movable, execute func(*testing.T, Movable, string)) {
	s, stream := before(t, open)
	execute(t, s, "DELETE FROM tollgate_secrets WHERE key_id = 'key_plain'")
	execute(t, s, "DELETE FROM tollgate_keys WHERE id = 'key_plain'")
	execute(t, s, "DELETE FROM tollgate_workspaces WHERE id = 'ws_other'")
	done, err := Imported(t, s, stream, false)
	require.NoError(t, err)
	require.True(t, done.Nothing())
	require.ElementsMatch(t, []keystore.Outcome{
		{Record: "workspace", ID: "ws_other", Result: "left", Why: "it was deleted here"},
		{Record: "key", ID: "key_plain", Result: "left", Why: "its workspace was deleted here"},
	}, done.Named)
	_, err = s.Lookup(t.Context(), record.SumOf(Plain))
	require.ErrorIs(t, err, keystore.ErrUnknown)
	require.NoError(t, s.CreateWorkspace(t.Context(), Act, &record.Workspace{ID: "ws_other", Plan: "pro"}))
	done, err = Imported(t, s, stream, false)
	require.NoError(t, err)
	require.Contains(t, done.Named, keystore.Outcome{Record: "key", ID: "key_plain", Result: "left", Why: "it was deleted here"})
}

func conflicts(t *testing.T, open func(*testing.T) Movable) {
	_, stream := before(t, open)
	for name, c := range map[string]struct {
		there World
		want  string
	}{
		"a key of another workspace": {World{{record.Workspace{ID: "ws_x", Plan: "pro"}, []keystore.NewKey{{Key: record.Key{ID: "key_plain"}, Sum: record.SumOf(Plain)}}}},
			"key key_plain belongs to workspace ws_x here, and to ws_other in the stream"},
		"a secret of another key": {World{{record.Workspace{ID: "ws_x", Plan: "pro"}, []keystore.NewKey{{Key: record.Key{ID: "key_y"}, Sum: record.SumOf(Plain)}}}},
			"a secret of key key_plain in the stream belongs to key key_y here"},
		"another key of that id": {World{{record.Workspace{ID: "ws_other", Plan: "starter"}, []keystore.NewKey{{Key: record.Key{ID: "key_plain"}, Sum: record.SumOf("another")}}}},
			"key key_plain has other secrets here than in the stream"},
	} {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", dry ", dry), func(t *testing.T) {
				to := open(t)
				Fill(t, to, c.there)
				before := Exported(t, to, true)
				_, err := Imported(t, to, stream, dry)
				var conflicts *keystore.Conflicts
				require.ErrorAs(t, err, &conflicts)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "nothing is imported")
				require.Equal(t, Content(before), Content(Exported(t, to, true)))
			})
		}
	}
}

func aDryRun(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	Fill(t, to, Example()[1:])
	before := Exported(t, to, true)
	events, err := to.History(t.Context(), "", "", 100)
	require.NoError(t, err)
	dry, err := Imported(t, to, Exported(t, from, true), true)
	require.NoError(t, err)
	require.Equal(t, Content(before), Content(Exported(t, to, true)))
	after, err := to.History(t.Context(), "", "", 100)
	require.NoError(t, err)
	require.Equal(t, events, after, "nothing is logged")
	done, err := Imported(t, to, Exported(t, from, true), false)
	require.NoError(t, err)
	require.Equal(t, done, dry, "it said what would be done")
}

func aSourceThatFails(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	broken := errors.New("the disk is gone")
	_, err := to.Import(t.Context(), Act, func(r keystore.Records) error {
		return errors.Join(from.Export(t.Context(), r), broken)
	}, keystore.ImportOptions{History: true})
	require.ErrorIs(t, err, broken)
	require.Empty(t, Content(Exported(t, to, true)))
}

// aGatewaySeesIt: a secret that was unknown a moment ago is known, and a key that was revoked there is refused.
func aGatewaySeesIt(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	Fill(t, to, Example()[1:])
	gateway := keystore.NewCache(to, keystore.Options{})
	gateway.Start()
	defer func() { require.NoError(t, gateway.Close()) }()
	known := func(secret string) bool {
		_, err := gateway.Lookup(t.Context(), record.SumOf(secret))
		return err == nil
	}
	require.Eventually(t, func() bool { return known(Plain) && !known("KEY_2") }, 5*time.Second, time.Millisecond)
	_, err := Imported(t, to, Exported(t, from, true), false)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !known(Plain) && known("KEY_2") }, 3*time.Second, time.Millisecond)
}

func checksWell(t *testing.T, open func(*testing.T) Movable) {
	from, to := open(t), open(t)
	Used(t, from)
	_, err := Imported(t, to, Exported(t, from, true), false)
	require.NoError(t, err)
	for _, s := range []Movable{from, to} {
		held, err := s.Check(t.Context(), func(f keystore.Finding) { t.Error(f) })
		require.NoError(t, err)
		require.Equal(t, []int{4, 6, 7}, []int{held.Workspaces, held.Keys, held.Secrets})
	}
}

// ofOneMoment changes the store between two records: the stream does not know of it.
func ofOneMoment(t *testing.T, open func(*testing.T) Movable) {
	s := open(t)
	Used(t, s)
	want := Content(Exported(t, s, true))
	var text bytes.Buffer
	w, err := transfer.NewWriter(&text, transfer.Header{MadeAt: time.Now(), History: true})
	require.NoError(t, err)
	to := w.Records(true)
	changed := false
	first := to.Workspace
	to.Workspace = func(workspace *record.Workspace) error {
		if !changed {
			changed = true
			_, err := s.UpdateKey(t.Context(), Act, "key_full", func(k *record.Key) error { k.Name = "later"; return nil })
			require.NoError(t, err)
		}
		return first(workspace)
	}
	require.NoError(t, s.Export(t.Context(), to))
	_, err = w.Close()
	require.NoError(t, err)
	require.Equal(t, want, Content(text.String()))
	require.True(t, changed)
}
