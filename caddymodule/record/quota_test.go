package record

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]Quota{
		"1/day": {1, Daily}, "100000/month": {100000, Monthly}, "1099511627776/month": {MaxLimit, Monthly},
	} {
		got, err := ParseQuota(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
		encoded, err := json.Marshal([]Quota{got})
		require.NoError(t, err)
		require.Equal(t, `["`+text+`"]`, string(encoded))
		var again []Quota
		require.NoError(t, json.Unmarshal(encoded, &again))
		require.Equal(t, []Quota{want}, again)
	}
	for text, reason := range map[string]string{
		"": "has no '/'", "100": "has no '/'", "/month": `"" is not a whole number`, "100/": "write day or month",
		"0/month": "to refuse a plan altogether, use denied", "-1/day": "must be from 1", "+1/day": "not a whole number",
		"1099511627777/day": "must be from 1", "99999999999999999999/day": "must be from 1", "1.5/day": "not a whole number",
		"80%/month": "not a whole number", "100/Month": "write day or month", "100/months": "write day or month", "100/year": "write day or month",
		"100/ month": "write day or month", "100/30d": "a limit per 30d is a window", "100/1h": "a limit per 1h is a window", "100/month/day": "write day or month",
	} {
		_, err := ParseQuota(text)
		require.ErrorContains(t, err, reason, text)
	}
	_, err := ParseQuotas([]string{"1/day", "2/month", "3/day"})
	require.ErrorContains(t, err, "quotas 1/day and 3/day have the same period")
	for _, period := range []string{"day", "month"} {
		_, err := ParseWindow("60/" + period)
		require.ErrorContains(t, err, "a limit per calendar "+period+" is a quota")
	}
}

// TestAPeriodFollowsTheCalendar walks through four years, a leap year among them, hour by hour.
func TestAPeriodFollowsTheCalendar(t *testing.T) {
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2030; at = at.Add(time.Hour) {
		begin, end := Monthly.Bounds(at.Unix())
		require.Equal(t, at.Format("2006-01")+"-01T00:00:00Z", time.Unix(begin, 0).UTC().Format(time.RFC3339))
		require.Equal(t, at.Month(), time.Unix(end-1, 0).UTC().Month())
		require.Equal(t, 1, time.Unix(end, 0).UTC().Day())
		begin, end = Daily.Bounds(at.Unix())
		require.Equal(t, at.Format(time.DateOnly)+"T00:00:00Z", time.Unix(begin, 0).UTC().Format(time.RFC3339))
		require.EqualValues(t, 86400, end-begin)
	}
	february, _ := ParseQuota("9/month")
	window := february.Window(false)
	leap := time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC).Unix()
	require.Equal(t, leap+1, window.Ends(leap))
}

func TestLimitsOfAKeyAndQuotasStandBehindTheWindows(t *testing.T) {
	plan := &Plan{Windows: []Window{{Limit: 200, Duration: time.Minute}}, Quotas: []Quota{{1000, Monthly}}, OverQuota: true, Warn: 80}
	key := &Key{ID: "key_1", Limits: []Window{{Limit: 50, Duration: time.Minute}}}
	names := func(windows []Window) (names []string) {
		for _, w := range windows {
			names = append(names, w.String()+" "+w.Name())
		}
		return names
	}
	require.Equal(t, []string{"200/1m 1m", "1000/month month"}, names(plan.Limits(&Workspace{}, nil)))
	require.Equal(t, []string{"200/1m 1m", "1000/month month", "50/1m key-1m"}, names(plan.Limits(&Workspace{}, key)))
	own := &Workspace{Quotas: []Quota{{5, Daily}, {9, Monthly}}}
	require.Equal(t, []string{"200/1m 1m", "5/day day", "9/month month"}, names(plan.Limits(own, nil)), "instead of the plan's quotas, not of its windows")
	own = &Workspace{Limits: []Window{{Limit: 7, Duration: time.Hour}}}
	require.Equal(t, []string{"7/1h 1h", "1000/month month"}, names(plan.Limits(own, nil)), "instead of the plan's windows, not of its quotas")
	require.True(t, plan.Limits(own, key)[1].Over)
	require.Empty(t, key.Limits[0].Key, "the key's record is as it was")
	plan.Quotas = nil
	require.Zero(t, testing.AllocsPerRun(100, func() { plan.Limits(&Workspace{}, &Key{}) }))

	month := Quota{1001, Monthly}.Window(false)
	require.False(t, plan.Warned(&month, 800))
	require.True(t, plan.Warned(&month, 801))
	require.False(t, plan.Warned(&plan.Windows[0], 200), "a window is not a quota")
	require.False(t, new(Plan).Warned(&month, 1001))
}
