package command_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// full takes nothing, as a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestAnAnswerThatCannotBePrinted does not hide what was committed: where, what, and that a secret is lost.
func TestAnAnswerThatCannotBePrinted(t *testing.T) {
	for line, want := range map[string]string{
		"workspace create ws_new --plan pro":         "workspace ws_new was made: printing",
		"workspace set ws_acme --plan tiny":          "workspace ws_acme was changed: printing",
		"key create --workspace ws_new2":             "was made, and its secret is lost: rotate or revoke it: printing",
		"key create --workspace ws_new2 --json":      "was made, and its secret is lost: rotate or revoke it: printing",
		"key rotate KEY":                             "key KEY has a new secret, which is lost; the old one ends after the grace: rotate or revoke it: printing",
		"key disable KEY":                            "key KEY was changed: printing",
		"key revoke KEY":                             "key KEY was changed: printing",
		"key import --workspace ws_new2 --scope a.b": "1 keys were imported, from key_",
	} {
		t.Run(line, func(t *testing.T) {
			d := harness.NewDesk(t, harness.DeskCaddyfile)
			d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
			d.Must(t, "workspace", "create", "ws_new2", "--plan", "pro")
			key, _ := d.Created(t, "--workspace", "ws_acme")
			before := revision(t, d)
			o := d.RunTo(full{}, harness.GoodSecret+"\n", harness.Words(strings.ReplaceAll(line, "KEY", key))...)
			require.Greater(t, revision(t, d), before, "it is committed")
			require.ErrorContains(t, o.Err, strings.ReplaceAll(want, "KEY", key))
			require.ErrorContains(t, o.Err, "no space left on device")
			require.Contains(t, o.Notes, "changed key store: sqlite "+d.Dir)
			if strings.Contains(line, "ws_new2") {
				made := strings.Fields(d.Must(t, "key", "list", "--workspace", "ws_new2"))
				require.Contains(t, made, anyKey.FindString(o.Err.Error()), "the error names the key that there is")
			}
		})
	}
}

// TestAChangeThatChangesNothing is told as that, and leaves no history.
func TestAChangeThatChangesNothing(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro", "--limit", "5/1m", "--metadata", "region=eu")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for _, step := range []struct {
		line    string
		changes bool
	}{
		{"key enable KEY", false}, {"key disable KEY", true}, {"key disable KEY", false}, {"key enable KEY", true},
		{"workspace set ws_acme --plan pro", false}, {"workspace set ws_acme --limit 5/1m --metadata region=eu", false},
		{"workspace set ws_acme --limit 6/1m", true}, {"workspace set ws_acme --metadata region=us", true},
		{"workspace set ws_acme --metadata region=", true}, {"workspace set ws_acme --metadata region=", false},
		{"workspace set ws_acme --quota 9/month", true}, {"workspace set ws_acme --quota 9/month", false}, {"workspace set ws_acme --quota none", true},
		{"workspace set ws_acme --limit none", true}, {"workspace set ws_acme --limit none", false},
	} {
		before := revision(t, d)
		o := d.Run("", harness.Words(strings.ReplaceAll(step.line, "KEY", key))...)
		require.NoError(t, o.Err, step.line)
		require.NotEmpty(t, o.Out, "it is shown all the same")
		require.Equal(t, step.changes, revision(t, d) > before, step.line)
		told := "nothing changed in key store: sqlite "
		if step.changes {
			told = "changed key store: sqlite "
		}
		require.True(t, strings.HasPrefix(o.Notes, told), "%s: %s", step.line, o.Notes)
	}
}

// TestASecretInPlaceOfAnID is told, and never repeated.
func TestASecretInPlaceOfAnID(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, secret := d.Created(t, "--workspace", "ws_acme")
	require.NoError(t, d.Run(harness.GoodSecret+"\n", "key", "import", "--workspace", "ws_acme").Err)
	stray := harness.NewDesk(t, harness.DeskCaddyfile)
	stray.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	_, foreign := stray.Created(t, "--workspace", "ws_acme")
	t.Chdir(d.Dir)
	before := revision(t, d)
	for _, command := range []string{"key show", "key history", "key disable", "key enable", "key revoke", "key rotate", "explain GET /leads --key-id"} {
		for typed, want := range map[string]string{
			secret:             "this is the secret of key " + key + ", not a key's id: write the id",
			harness.GoodSecret: "this is the secret of key key_",
			foreign:            "this is a secret, not a key's id: write the id, which key list shows",
			secret[:30]:        "there is no such key, and this begins like a secret",
			secret + "x":       "there is no such key, and this begins like a secret",
			"tg_" + key[4:]:    "there is no such key, and this begins like a secret",
		} {
			o := d.Run("", append(strings.Fields(command), typed)...)
			require.ErrorContains(t, o.Err, want, command)
			require.NotContains(t, o.Notes+o.Out, typed, command)
		}
	}
	require.Equal(t, before, revision(t, d))
}

// TestAnExpiredKeyIsNotRotated: its new secret would be dead.
func TestAnExpiredKeyIsNotRotated(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme", "--expires", "1h")
	d.Must(t, "key", "rotate", key)
	execute(t, d, "UPDATE tollgate_keys SET expires_at = 1700000000000000")
	before := revision(t, d)
	d.Refuses(t, harness.Blunder{Line: "key rotate KEY", Want: "expired at 2023-11-14T22:13:20Z, and a new secret of it would be dead: give it a new end (key set --expires, over HTTP expires_at), or create another"}, key)
	require.Equal(t, before, revision(t, d))
}

// TestTheNinthSecretIsRefused, and changes nothing.
func TestTheNinthSecretIsRefused(t *testing.T) {
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	d.Must(t, "workspace", "create", "ws_acme", "--plan", "pro")
	key, _ := d.Created(t, "--workspace", "ws_acme")
	for range 7 {
		d.Must(t, "key", "rotate", key)
	}
	before := revision(t, d)
	d.Refuses(t, harness.Blunder{Line: "key rotate KEY", Want: "has 8 secrets that work, and no more are allowed: rotate it with a grace of 0s"}, key)
	require.Equal(t, before, revision(t, d))
	d.Must(t, "key", "rotate", key, "--grace", "0s")
}

// TestHashNeedsNoConfiguration, but keeps to the one that is there.
func TestHashNeedsNoConfiguration(t *testing.T) {
	d := harness.NewDesk(t, strings.Replace(harness.DeskCaddyfile, "plan tiny", "key_prefix zz\n\t\tplan tiny", 1))
	wrong := "zz_" + strings.Repeat("0", 40) + "\n"
	require.ErrorContains(t, d.Run(wrong, "key", "hash").Err, "wrong checksum")
	require.NoError(t, os.Remove("Caddyfile"))
	if _, err := os.Stat("/etc/caddy/Caddyfile"); err == nil {
		t.Skip("this machine has a configuration of its own")
	}
	require.NoError(t, d.Run(wrong, "key", "hash").Err)
	require.ErrorContains(t, d.Run(wrong, "key", "hash", "--config", "nowhere").Err, "nowhere")
}
