package record

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultPlans(t *testing.T) {
	plans := DefaultPlans()
	for name, limit := range map[string]int64{"starter": 60, "pro": 200, "enterprise": 600, "custom": 200} {
		require.Equal(t, &Plan{Name: name, Windows: []Window{{Limit: limit, Duration: time.Minute}}}, plans.Of(name))
	}
	for _, name := range []string{"trial", "free"} {
		require.Equal(t, &Plan{Name: name, Denied: true}, plans.Of(name))
	}
	require.Len(t, plans, 6)
}

func TestAConfiguredPlanReplacesTheDefaultOfItsName(t *testing.T) {
	defaults := DefaultPlans()
	own := &Plan{Name: "pro", Windows: []Window{{Limit: 5000, Duration: time.Hour}}}
	added := &Plan{Name: "gold", Windows: []Window{{Limit: 1, Duration: time.Second}}}
	plans := defaults.With([]*Plan{own, added})
	require.Same(t, own, plans.Of("pro"))
	require.Same(t, added, plans.Of("gold"))
	require.Same(t, defaults.Of("starter"), plans.Of("starter"), "the others stay")
	require.NotSame(t, own, defaults.Of("pro"), "the plans given stay as they are")
	require.NotContains(t, defaults, "gold")
}

func TestAPlanNobodyConfiguredIsDenied(t *testing.T) {
	for _, name := range []string{"", "platinum", "Pro"} {
		require.Equal(t, &Plan{Name: name, Denied: true, Unknown: true}, DefaultPlans().Of(name))
	}
	require.True(t, Plans(nil).Of("pro").Denied)
}

func TestOwnLimitsStandInsteadOfThePlans(t *testing.T) {
	plan := &Plan{Name: "pro", Windows: []Window{{Limit: 200, Duration: time.Minute}, {Limit: 5000, Duration: time.Hour}}}
	own := []Window{{Limit: 500, Duration: time.Minute}}
	require.Equal(t, plan.Windows, plan.Limits(&Workspace{}, nil))
	require.Equal(t, own, plan.Limits(&Workspace{Limits: own}, nil), "instead of the whole list")
	require.True(t, DefaultPlans().Of("free").Denied, "and never lift a denied plan")
}
