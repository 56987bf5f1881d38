package keysapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// windows reads a list such as "50/1m 5/1s".
func windows(t *testing.T, list string) []record.Window {
	t.Helper()
	read, err := record.ParseKeyWindows(strings.Fields(list))
	require.NoError(t, err)
	return read
}

func TestLooserLimits(t *testing.T) {
	for _, c := range []struct {
		windows, than string
		looser        bool
	}{
		{"", "", false},
		{"50/1m", "", false},
		{"", "50/1m", true},
		{"50/1m", "50/1m", false},
		{"49/1m", "50/1m", false},
		{"51/1m", "50/1m", true},
		{"50/2m", "50/1m", false}, // as many in twice the time
		{"50/59s", "50/1m", true}, // as many in less
		{"100/2m", "50/1m", true}, // all of them may come in its first minute
		{"25/30s", "50/1m", true}, // 75 of them may come in a minute
		{"1/1s", "50/1m", true},   // sixty in a minute
		{"50/1m", "60/1m 5/1s", true},
		{"4/1m", "60/1m 5/1s", false}, // one that is tighter than both
		{"5/1s 60/1m", "60/1m 5/1s", false},
		{"5/1s 61/1m", "60/1m 5/1s", true},
		{"50/1m 1000/1d", "50/1m", false},
		{"51/1m 50/1d", "50/1m", false},
	} {
		require.Equal(t, c.looser, looser(windows(t, c.windows), windows(t, c.than)), "%q is looser than %q", c.windows, c.than)
	}
}

// TestLimitsOfKeys: who has limits grants none that are looser, and nobody changes their own.
func TestLimitsOfKeys(t *testing.T) {
	for name, c := range map[string]struct {
		caller, target     string // limits
		method, path, body string
		want               string // limits of the key that was made or changed; "-": it is refused
	}{
		"create/none":                                 {"", "", "POST", "", `{}`, ""},
		"create/some":                                 {"", "", "POST", "", `{"limits":["50/1m","5/1s"]}`, "50/1m 5/1s"},
		"create/none by one with limits":              {"50/1m", "", "POST", "", `{}`, "50/1m"},
		"create/an empty list by one with limits":     {"50/1m 5/1s", "", "POST", "", `{"limits":[]}`, "50/1m 5/1s"},
		"create/tighter ones":                         {"50/1m", "", "POST", "", `{"limits":["49/1m"]}`, "49/1m"},
		"create/the same":                             {"50/1m", "", "POST", "", `{"limits":["50/1m"]}`, "50/1m"},
		"create/looser ones":                          {"50/1m", "", "POST", "", `{"limits":["51/1m"]}`, "-"},
		"create/of another duration":                  {"50/1m", "", "POST", "", `{"limits":["50/30s"]}`, "-"},
		"create/one of two":                           {"50/1m 5/1s", "", "POST", "", `{"limits":["50/1m"]}`, "-"},
		"change/set":                                  {"", "", "PATCH", "/key_target", `{"limits":["50/1m"]}`, "50/1m"},
		"change/tighten":                              {"", "50/1m", "PATCH", "/key_target", `{"limits":["50/1m","5/1s"]}`, "50/1m 5/1s"},
		"change/loosen":                               {"", "50/1m", "PATCH", "/key_target", `{"limits":["500/1m"]}`, "500/1m"},
		"change/clear":                                {"", "50/1m", "PATCH", "/key_target", `{"limits":[]}`, ""},
		"change/not given":                            {"", "50/1m", "PATCH", "/key_target", `{"name":"x"}`, "50/1m"},
		"change/loosen up to the caller's":            {"100/1m", "50/1m", "PATCH", "/key_target", `{"limits":["100/1m"]}`, "100/1m"},
		"change/loosen past the caller's":             {"100/1m", "50/1m", "PATCH", "/key_target", `{"limits":["101/1m"]}`, "-"},
		"change/clear by one with limits":             {"100/1m", "50/1m", "PATCH", "/key_target", `{"limits":[]}`, "-"},
		"change/tighten one that is looser":           {"10/1m", "500/1m", "PATCH", "/key_target", `{"limits":["400/1m"]}`, "400/1m"},
		"change/give a scope to one that is looser":   {"10/1m", "500/1m", "PATCH", "/key_target", `{"scopes":["agent.*"]}`, "-"},
		"change/rename one that is looser":            {"10/1m", "", "PATCH", "/key_target", `{"name":"x"}`, ""},
		"rotate/one that is looser":                   {"10/1m", "500/1m", "POST", "/key_target/rotate", ``, "-"},
		"rotate/one without any":                      {"10/1m", "", "POST", "/key_target/rotate", ``, "-"},
		"rotate/one that is as tight":                 {"10/1m", "10/1m", "POST", "/key_target/rotate", ``, "10/1m"},
		"rotate/itself":                               {"10/1m", "", "POST", "/key_caller/rotate", ``, "10/1m"},
		"itself/loosen":                               {"10/1m", "", "PATCH", "/key_caller", `{"limits":["11/1m"]}`, "-"},
		"itself/clear":                                {"10/1m", "", "PATCH", "/key_caller", `{"limits":[]}`, "-"},
		"itself/tighten":                              {"10/1m", "", "PATCH", "/key_caller", `{"limits":["10/61s"]}`, "-"},
		"itself/limit where there was none":           {"", "", "PATCH", "/key_caller", `{"limits":["10/1m"]}`, "-"},
		"itself/what it has":                          {"10/1m", "", "PATCH", "/key_caller", `{"limits":["10/1m"],"name":"x"}`, "10/1m"},
		"itself/something else":                       {"10/1m", "", "PATCH", "/key_caller", `{"name":"x"}`, "10/1m"},
		"itself/the name and the limits, all or none": {"10/1m", "", "PATCH", "/key_caller", `{"name":"x","limits":[]}`, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			d.alter(t, "key_caller", func(k *record.Key) { k.Limits = windows(t, c.caller) })
			d.alter(t, "key_target", func(k *record.Key) { k.Limits = windows(t, c.target) })
			before := d.keys(t)
			answer, refused := d.ask(t, c.method, c.path, "", c.body)
			if c.want == "-" {
				require.NotNil(t, refused)
				require.Equal(t, refusal.HandlerForbidden, refused.Kind)
				require.Contains(t, refused.Details, "limits")
				require.Equal(t, before, d.keys(t))
				return
			}
			require.Nil(t, refused)
			view := answer.Data.(*View)
			require.NotNil(t, view.Limits, "an empty list, not null")
			require.ElementsMatch(t, windows(t, c.want), view.Limits)
			stored, err := d.store.Key(t.Context(), view.ID)
			require.NoError(t, err)
			require.ElementsMatch(t, windows(t, c.want), stored.Limits)
		})
	}
	t.Run("a caller that was limited meanwhile makes none that is not", func(t *testing.T) {
		for n := range 2 {
			d := newDesk(t, "tollgate.keys.*", "agent.*")
			d.beforeConfirm = func(confirmed int) {
				if confirmed == n+1 {
					d.alter(t, "key_caller", func(k *record.Key) { k.Limits = windows(t, "10/1m") })
				}
			}
			_, refused := d.ask(t, "POST", "", "", `{"limits":["50/1m"]}`)
			require.NotNil(t, refused)
			for _, key := range d.keys(t) {
				require.True(t, key.ID == "key_caller" || key.ID == "key_target" || !key.RevokedAt.IsZero(), key.ID)
			}
		}
	})
	t.Run("an administrator with limits", func(t *testing.T) {
		d := newDesk(t, "tollgate.admin.*")
		d.alter(t, "key_caller", func(k *record.Key) { k.Limits = windows(t, "10/1m") })
		require.NoError(t, d.store.CreateWorkspace(t.Context(), by, &record.Workspace{ID: "ws_other", Plan: "pro"}))
		answer, refused := d.ask(t, "POST", "", "", `{"workspace":"ws_other"}`)
		require.Nil(t, refused)
		require.Equal(t, windows(t, "10/1m"), answer.Data.(*View).Limits)
	})
}
