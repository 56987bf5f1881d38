package keystore_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func TestCheckWorkspace(t *testing.T) {
	window := func(limit int64, d time.Duration) record.Window { return record.Window{Limit: limit, Duration: d} }
	for _, test := range []struct {
		name, field string // no field: good
		workspace   record.Workspace
	}{
		{"takes id and plan", "", record.Workspace{ID: "ws_1", Plan: "pro"}},
		{"takes everything", "", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{window(1, time.Second), window(9, record.Day)},
			Metadata: map[string]any{"a": []any{1, "b", nil}}}},
		{"refuses an empty id", "id", record.Workspace{Plan: "pro"}},
		{"refuses a path as id", "id", record.Workspace{ID: "../etc/passwd", Plan: "pro"}},
		{"refuses an id of 65 characters", "id", record.Workspace{ID: strings.Repeat("a", 65), Plan: "pro"}},
		{"refuses a plan with a space", "plan", record.Workspace{ID: "ws_1", Plan: "a b"}},
		{"refuses a limit of nothing", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{window(0, time.Minute)}}},
		{"refuses half seconds", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{window(1, 1500*time.Millisecond)}}},
		{"refuses nine windows", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: make([]record.Window, 9)}},
		{"refuses a window of a key", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{{Limit: 1, Duration: time.Minute, Key: "key_1"}}}},
		{"refuses a window that refuses nothing", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{{Limit: 1, Duration: time.Minute, Over: true}}}},
		{"refuses a quota among the windows", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{{Limit: 1, Period: record.Monthly}}}},
		{"refuses a window of two lengths", "limits", record.Workspace{ID: "ws_1", Plan: "pro", Limits: []record.Window{{Limit: 1, Duration: time.Minute, Period: record.Daily}}}},
		{"takes a quota of each period", "", record.Workspace{ID: "ws_1", Plan: "pro", Quotas: []record.Quota{{Limit: 1, Period: record.Daily}, {Limit: 1, Period: record.Monthly}}}},
		{"refuses two of one", "quotas", record.Workspace{ID: "ws_1", Plan: "pro", Quotas: []record.Quota{{Limit: 1, Period: record.Daily}, {Limit: 2, Period: record.Daily}}}},
		{"refuses a quota of nothing", "quotas", record.Workspace{ID: "ws_1", Plan: "pro", Quotas: []record.Quota{{Limit: 0, Period: record.Daily}}}},
		{"refuses a quota of no period", "quotas", record.Workspace{ID: "ws_1", Plan: "pro", Quotas: []record.Quota{{Limit: 1}}}},
		{"refuses a quota of too much", "quotas", record.Workspace{ID: "ws_1", Plan: "pro", Quotas: []record.Quota{{Limit: record.MaxLimit + 1, Period: record.Daily}}}},
		{"refuses a number that JSON lacks", "metadata", record.Workspace{ID: "ws_1", Plan: "pro", Metadata: map[string]any{"a": math.NaN()}}},
		{"refuses 64 KiB of metadata", "metadata", record.Workspace{ID: "ws_1", Plan: "pro", Metadata: map[string]any{"a": strings.Repeat("x", 64<<10)}}},
	} {
		t.Run(test.name, func(t *testing.T) { requireField(t, test.field, keystore.CheckWorkspace(&test.workspace)) })
	}
}

func TestCheckKey(t *testing.T) {
	for _, test := range []struct {
		name, field string
		key         record.Key
	}{
		{"takes an id alone", "", record.Key{ID: "key_1"}},
		{"takes 100 scopes", "", record.Key{ID: "key_1", Scopes: manyScopes(100)}},
		{"refuses 101", "scopes", record.Key{ID: "key_1", Scopes: manyScopes(101)}},
		{"refuses an id with a line break", "id", record.Key{ID: "key\n1"}},
		{"refuses a name of 65 characters", "name", record.Key{ID: "key_1", Name: strings.Repeat("ü", 65)}},
		{"refuses a header in a scope", "scopes", record.Key{ID: "key_1", Scopes: []record.Scope{"a\r\nX-Evil: 1"}}},
		{"refuses host bits", "allowed_ips", record.Key{ID: "key_1", AllowedIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}},
		{"refuses IPv4 inside IPv6", "allowed_ips", record.Key{ID: "key_1", AllowedIPs: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.1/128")}}},
		{"refuses a network that is not one", "allowed_ips", record.Key{ID: "key_1", AllowedIPs: make([]netip.Prefix, 1)}},
		{"refuses 1001 networks", "allowed_ips", record.Key{ID: "key_1", AllowedIPs: make([]netip.Prefix, 1001)}},
		{"takes four windows", "", record.Key{ID: "key_1", Limits: windows(4)}},
		{"refuses five", "limits", record.Key{ID: "key_1", Limits: windows(5)}},
		{"refuses two of one duration", "limits", record.Key{ID: "key_1", Limits: append(windows(2), windows(1)...)}},
		{"refuses a window that names a key", "limits", record.Key{ID: "key_1", Limits: []record.Window{{Limit: 1, Duration: time.Minute, Key: "key_1"}}}},
		{"refuses a window that refuses nothing", "limits", record.Key{ID: "key_1", Limits: []record.Window{{Limit: 1, Duration: time.Minute, Over: true}}}},
		{"refuses a quota", "limits", record.Key{ID: "key_1", Limits: []record.Window{{Limit: 1, Period: record.Monthly}}}},
		{"refuses a limit of nothing", "limits", record.Key{ID: "key_1", Limits: []record.Window{{Duration: time.Minute}}}},
		{"refuses a year that RFC 3339 lacks", "expires_at", record.Key{ID: "key_1", ExpiresAt: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		t.Run(test.name, func(t *testing.T) { requireField(t, test.field, keystore.CheckKey(&test.key)) })
	}
}

func windows(n int) (list []record.Window) {
	for i := range n {
		list = append(list, record.Window{Limit: 1, Duration: time.Duration(i+1) * time.Second})
	}
	return list
}

func manyScopes(n int) []record.Scope {
	scopes := make([]record.Scope, n)
	for i := range scopes {
		scopes[i] = "agent.leads.read"
	}
	return scopes
}

// requireField checks that the error is a Problem of that field, or none.
func requireField(t *testing.T, field string, err error) {
	t.Helper()
	if field == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, keystore.ErrInvalid)
	var problem *keystore.Problem
	require.True(t, errors.As(err, &problem))
	require.Equal(t, field, problem.Field)
	require.NotContains(t, err.Error(), "\n", "one line")
}

func TestCheckExpiry(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, keystore.CheckExpiry(time.Time{}, now), "never")
	require.NoError(t, keystore.CheckExpiry(now.Add(time.Second), now))
	requireField(t, "expires_at", keystore.CheckExpiry(now, now))
	requireField(t, "expires_at", keystore.CheckExpiry(now.Add(-time.Hour), now))
}

func TestParseTime(t *testing.T) {
	got, err := keystore.ParseTime("2027-01-01T02:00:00.1234567+02:00")
	require.NoError(t, err)
	require.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 123456000, time.UTC), got, "in UTC, to the microsecond")
	for _, good := range []string{"2027-01-01T00:00:00Z", "2027-01-01t00:00:00z", "2027-01-01T00:00:00.000000000Z", "2027-01-01T05:30:00+05:30", "2026-12-31T00:01:00-23:59", "2027-01-01T00:00:00-00:00"} {
		got, err := keystore.ParseTime(good)
		require.NoError(t, err, good)
		require.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), got, good)
	}
	for _, bad := range []string{"", "2027-01-01", "2027-13-01T00:00:00Z", "2027-01-01 00:00:00Z", "90d", "tomorrow",
		"2027-01-01T0:00:00Z", "2027-01-01T00:00:00,5Z", "2027-01-01T00:00:00.Z", "2027-01-01T00:00:00+24:00", "2027-01-01T00:00:00+00:60",
		"2027-01-01T24:00:00Z", "2027-01-01T00:00:60Z", "2027-01-01T00:00Z", "2027-01-01T00:00:00", "2027-01-01T00:00:00+0000",
		"2027-1-01T00:00:00Z", "+2027-01-01T00:00:00Z", "12027-01-01T00:00:00Z", " 2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z\n", "2027-02-29T00:00:00Z",
	} {
		_, err := keystore.ParseTime(bad)
		require.ErrorContains(t, err, "write it in RFC 3339", bad)
	}
}
