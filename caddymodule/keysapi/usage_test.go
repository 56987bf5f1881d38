package keysapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// TestWhoSeesWhatWasUsed: a workspace its own, an operator all, nobody else's.
func TestWhoSeesWhatWasUsed(t *testing.T) {
	for name, c := range map[string]struct {
		scope  record.Scope
		query  string
		status int
		want   int64
	}{
		"its own":                          {"tollgate.usage.read", "", 200, 3},
		"its own, by name":                 {"tollgate.usage.read", "workspace=ws", 200, 3},
		"its own, with a wildcard":         {"tollgate.*", "", 200, 3},
		"another's":                        {"tollgate.usage.read", "workspace=ws_other", 404, 0},
		"all":                              {"tollgate.usage.read", "workspace=*", 400, 0},
		"all, with a wildcard":             {"*", "workspace=*", 400, 0},
		"all, by an operator":              {"tollgate.admin.*", "workspace=*", 200, 8},
		"another's, by an operator":        {"tollgate.admin.usage.read", "workspace=ws_other", 200, 5},
		"who manages keys":                 {"tollgate.keys.*", "", 403, 0},
		"who manages keys of all":          {"tollgate.admin.read", "", 403, 0},
		"a time that is none":              {"tollgate.usage.read", "from=yesterday", 400, 0},
		"a time that ends before it began": {"tollgate.usage.read", "from=2026-02-01&to=2026-01-01", 400, 0},
		"a field that is none":             {"tollgate.usage.read", "by=day,colour", 400, 0},
		"two periods":                      {"tollgate.usage.read", "by=day,month", 400, 0},
		"long ago":                         {"tollgate.usage.read", "from=2020-01-01&to=2020-02-01", 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.scope)
			d.Usage = d.store
			hour := usage.HourOf(time.Now())
			require.NoError(t, d.store.Book(t.Context(), usage.Batch{Instance: "one", Number: 1, Entries: []usage.Entry{
				{Cell: usage.Cell{Hour: hour, Workspace: "ws", Key: "key_target"}, Sum: usage.Sum{Requests: 3}},
				{Cell: usage.Cell{Hour: hour, Workspace: "ws_other", Key: "key_other"}, Sum: usage.Sum{Requests: 5}},
			}}))
			answer, refused := d.ask(t, http.MethodGet, "/usage", c.query, "")
			if c.status != http.StatusOK {
				require.Nil(t, answer)
				require.Equal(t, c.status, refused.StatusCode(), "%v", refused)
				return
			}
			require.Nil(t, refused)
			require.Equal(t, c.want, answer.Data.(*UsageView).Total.Requests)
		})
	}
	t.Run("where nothing is kept", func(t *testing.T) {
		_, refused := newDesk(t, "tollgate.usage.read").ask(t, http.MethodGet, "/usage", "", "")
		require.Equal(t, http.StatusNotFound, refused.StatusCode())
	})
}
