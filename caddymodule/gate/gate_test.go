package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
	"github.com/tollgate-gateway/tollgate/caddymodule/policy"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

const secret = "crm-secret-0123456789"

// keys is a key store of one key that counts what it is asked, and fails on demand.
type keys struct {
	identity *record.Identity
	known    bool
	familiar bool
	away     error
	asked    int
}

func (k *keys) Known(sum record.Sum) *record.Identity {
	if k.known && sum == record.SumOf(secret) {
		return k.identity
	}
	return nil
}

func (k *keys) Familiar(sum record.Sum) bool { return k.familiar && sum == record.SumOf(secret) }

func (k *keys) Lookup(_ context.Context, sum record.Sum) (*record.Identity, error) {
	k.asked++
	if k.away != nil {
		return nil, k.away
	}
	if sum != record.SumOf(secret) {
		return nil, keystore.ErrUnknown
	}
	return k.identity, nil
}

// body is a request body that says whether it was read.
type body struct {
	refusal *refusal.Refusal
	read    int
}

func (b *body) JSON(context.Context, int64) (any, bool, *refusal.Refusal) {
	b.read++
	return map[string]any{"name": "x"}, true, b.refusal
}

func (b *body) Text(context.Context, int64) ([]byte, *refusal.Refusal) {
	b.read++
	return []byte(`{"name": "x"}`), b.refusal
}

// setup is a gate on real cores, with the one key in its hand.
type setup struct {
	gate.Gate
	keys *keys
}

func newSetup(t testing.TB) *setup {
	t.Helper()
	table, err := route.New([]*route.Route{
		{Methods: []string{"GET"}, Pattern: "/public", Public: true},
		{Methods: []string{"GET"}, Pattern: "/visited", Public: true, Limit: record.Window{Limit: 3, Duration: time.Minute}},
		{Methods: []string{"GET"}, Pattern: "/leads", Scopes: []string{"agent.leads.read"}},
		{Methods: []string{"GET"}, Pattern: "/leads/:id", Scopes: []string{"agent.leads.read"}},
		{Methods: []string{"POST"}, Pattern: "/leads", Scopes: []string{"agent.leads.write"}, BodyLimit: 1024},
		{Methods: []string{"GET"}, Pattern: "/me", Whoami: true},
		{Methods: []string{"POST"}, Pattern: "/data/:document", Scopes: []string{"konecty.:document.create"}},
		{Methods: []string{"GET"}, Pattern: "/dear", Cost: 6},
	})
	require.NoError(t, err)
	visitors := limits.NewThrottle[gate.Visitor](limits.PublicPolicy, nil)
	policies, err := policy.New(t.Context(), policy.Options{Timeout: 10 * time.Second})
	require.NoError(t, err)
	k := &keys{known: true, identity: &record.Identity{
		Key:       &record.Key{ID: "key_crm", Name: "crm", Scopes: []record.Scope{"agent.*", "konecty.*"}},
		Workspace: &record.Workspace{ID: "ws_acme", Plan: "pro"},
	}}
	return &setup{keys: k, Gate: gate.Gate{
		Routes: table, Keys: k, KeyPrefix: "tg", Policy: policies, Now: time.Now, Counters: limits.NewMemory(limits.MemoryOptions{}),
		Plans:    record.DefaultPlans(),
		Visitors: func(time.Duration) *limits.Throttle[gate.Visitor] { return visitors },
		AuthThrottle: gate.Throttle[netip.Addr]{
			Counts: limits.NewThrottle[netip.Addr](limits.AuthPolicy, nil), Window: record.Window{Limit: 3, Duration: time.Minute},
		},
		RefusalThrottle: gate.Throttle[string]{
			Counts: limits.NewThrottle[string](limits.RefusalPolicy, nil), Window: record.Window{Limit: 3, Duration: time.Minute},
		},
		OutsiderThrottle: gate.Throttle[gate.Outsider]{
			Counts: limits.NewThrottle[gate.Outsider](limits.RefusalPolicy, nil), Window: record.Window{Limit: 3, Duration: time.Minute},
		},
	}}
}

// request is a GET of a path with the good key.
func request(path string) *gate.Request {
	path, query, _ := strings.Cut(path, "?")
	target := path
	if query != "" {
		target += "?" + query
	}
	return &gate.Request{Facts: policy.Facts{Method: "GET", Path: path, RawQuery: query, Host: "api.example.com", Header: http.Header{"Authorization": {"Bearer " + secret}}, ClientIP: netip.MustParseAddr("203.0.113.7")},
		Target:     target,
		TargetPath: path,
	}
}

func (s *setup) judge(t testing.TB, r *gate.Request) *gate.Verdict {
	t.Helper()
	var v gate.Verdict
	s.Judge(t.Context(), r, &v)
	return &v
}

// reason is why a verdict refuses; empty if it does not.
func reason(v *gate.Verdict) string {
	if v.Refusal == nil {
		return ""
	}
	return v.Refusal.Kind.Reason
}

func TestJudgeLetsThrough(t *testing.T) {
	s := newSetup(t)
	v := s.judge(t, request("/leads/l1"))
	require.Empty(t, reason(v))
	require.Equal(t, "/leads/:id", v.Match.Route.Pattern)
	require.Equal(t, "key_crm", v.Identity.Key.ID)
	require.Equal(t, "pro", v.Plan.Name)
	require.Equal(t, int64(199), v.Limits.Statuses()[0].Remaining)
	require.True(t, v.Decision.Allow)
	require.Equal(t, gate.StepLimit, v.Step)
	require.Zero(t, s.keys.asked, "a known key costs no look-up")
}

func TestJudgeSteps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*setup, *gate.Request)
		reason string
		step   gate.Step
	}{
		"hygiene comes before everything":       {func(_ *setup, r *gate.Request) { r.Target, r.TargetPath, r.Path = "//x", "//x", "//x" }, "malformed_target", gate.StepHygiene},
		"what a rewrite made is judged as well": {func(_ *setup, r *gate.Request) { r.Path = "/leads/../x" }, "malformed_target", gate.StepHygiene},
		"query of a protected route":            {func(_ *setup, r *gate.Request) { r.RawQuery = "a=1;b" }, "malformed_query", gate.StepRoute},
		"query of an unknown route":             {func(_ *setup, r *gate.Request) { r.Path, r.RawQuery = "/nothing", "%zz" }, "malformed_query", gate.StepRoute},
		"no key on an unknown route":            {func(_ *setup, r *gate.Request) { r.Path = "/nothing"; r.Header = nil }, "unauthorized", gate.StepAuthenticate},
		"store that cannot answer":              {func(s *setup, _ *gate.Request) { s.keys.known, s.keys.away = false, errors.New("gone") }, "key_store_unavailable", gate.StepAuthenticate},
		"known key that has expired":            {func(s *setup, _ *gate.Request) { s.keys.identity.Key.ExpiresAt = time.Now().Add(-time.Second) }, "unauthorized", gate.StepAuthenticate},
		"known key that is revoked":             {func(s *setup, _ *gate.Request) { s.keys.identity.Key.RevokedAt = time.Now() }, "unauthorized", gate.StepAuthenticate},
		"secret past its grace":                 {func(s *setup, _ *gate.Request) { s.keys.identity.SecretExpiresAt = time.Now().Add(-time.Second) }, "unauthorized", gate.StepAuthenticate},
		"missing scope":                         {func(s *setup, _ *gate.Request) { s.keys.identity.Key.Scopes = nil }, "policy_forbidden", gate.StepPolicy},
		"unknown route":                         {func(_ *setup, r *gate.Request) { r.Path = "/nothing"; r.Target = "/nothing"; r.TargetPath = "/nothing" }, "unknown_route", gate.StepPolicy},
		"unknown route from outside the allowlist": {func(s *setup, r *gate.Request) {
			*r = *request("/nothing")
			s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		}, "policy_forbidden", gate.StepPolicy},
		"scope parameter": {func(_ *setup, r *gate.Request) { *r = *request("/data/a.b"); r.Method = "POST" }, "scope_parameter", gate.StepPolicy},
		"scope parameter from outside the allowlist": {func(s *setup, r *gate.Request) {
			*r = *request("/data/a.b")
			r.Method = "POST"
			s.keys.identity.Key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		}, "policy_forbidden", gate.StepPolicy},
		"denied plan":                  {func(s *setup, _ *gate.Request) { s.keys.identity.Workspace.Plan = "trial" }, "policy_forbidden", gate.StepPolicy},
		"plan nobody knows":            {func(s *setup, _ *gate.Request) { s.keys.identity.Workspace.Plan = "platinum" }, "policy_forbidden", gate.StepPolicy},
		"policy that fails":            {func(s *setup, _ *gate.Request) { s.Policy = broken{} }, "policy_failed", gate.StepPolicy},
		"C10/policy that is undefined": {func(s *setup, _ *gate.Request) { s.Policy = undefined{} }, "policy_failed", gate.StepPolicy},
		"policy that allows a denied plan": {func(s *setup, _ *gate.Request) {
			s.Policy = lax{}
			s.keys.identity.Workspace.Plan = "trial"
		}, "policy_failed", gate.StepLimit},
		"cost above the workspace's limit": {func(s *setup, r *gate.Request) {
			*r = *request("/dear")
			s.keys.identity.Workspace.Limits = []record.Window{{Limit: 5, Duration: time.Minute}}
		}, "cost_above_limit", gate.StepLimit},
		"counters that are full": {func(s *setup, _ *gate.Request) { s.Counters = gone{s.Counters} }, "counters_unavailable", gate.StepLimit},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			s, r := newSetup(t), request("/leads")
			c.change(s, r)
			v := s.judge(t, r)
			require.Equal(t, c.reason, reason(v))
			require.Equal(t, c.step, v.Step)
		})
	}
}

type broken struct{}

func (broken) Decide(context.Context, *policy.Input) (policy.Decision, error) {
	return policy.Decision{Allow: true, Generation: 7}, policy.ErrLate
}

func TestJudgeNamesThePoliciesThatFailed(t *testing.T) {
	s := newSetup(t)
	s.Policy = broken{}
	require.Equal(t, policy.Decision{Code: "INTERNAL_ERROR", Generation: 7}, s.judge(t, request("/leads")).Decision)
}

type undefined struct{}

func (undefined) Decide(context.Context, *policy.Input) (policy.Decision, error) {
	return policy.Decision{}, policy.ErrUndefined
}

type lax struct{}

func (lax) Decide(context.Context, *policy.Input) (policy.Decision, error) {
	return policy.Decision{Allow: true}, nil
}

type gone struct{ gate.Counters }

func (gone) Take(context.Context, string, []record.Window, int64) (limits.Result, error) {
	return limits.Result{Granted: true}, errors.New("gone")
}

func TestJudgeAsksNobodyAboutWrongChecksums(t *testing.T) {
	s, r := newSetup(t), request("/leads")
	r.Header = http.Header{"Authorization": {"Bearer tg_" + strings.Repeat("a", 40)}}
	require.Equal(t, "unauthorized", reason(s.judge(t, r)))
	require.Zero(t, s.keys.asked)
}

func TestJudgePublicRouteNeedsNothing(t *testing.T) {
	s, r := newSetup(t), request("/public?a=1;b=%zz")
	r.Header = http.Header{"Authorization": {"Bearer " + "nobody-knows-this-secret"}}
	v := s.judge(t, r)
	require.Empty(t, reason(v))
	require.Nil(t, v.Identity)
	require.Empty(t, v.Limits.Statuses())
	require.Zero(t, s.keys.asked)
}

func TestJudgeAuthThrottle(t *testing.T) {
	s, bad := newSetup(t), request("/leads")
	s.keys.known = false
	bad.Header = http.Header{"Authorization": {"Bearer nobody-knows-this-secret"}}
	for range 3 {
		require.Equal(t, "unauthorized", reason(s.judge(t, bad)))
	}
	asked := s.keys.asked
	for range 100 {
		require.Equal(t, "auth_throttled", reason(s.judge(t, bad)))
	}
	require.LessOrEqual(t, s.keys.asked-asked, 2*limits.LookUpsPerSecond, "past the throttle at most 10 look-ups in each second of the clock")
	s.keys.familiar = true
	for range 2 * limits.LookUpsPerSecond {
		require.Empty(t, reason(s.judge(t, request("/leads"))), "a key that was good a moment ago is no stranger's: it is asked for, and passes")
	}
	s.keys.known = true
	require.Empty(t, reason(s.judge(t, request("/leads"))), "a key known good always passes")
	elsewhere := request("/leads")
	elsewhere.Header, elsewhere.ClientIP = nil, netip.MustParseAddr("203.0.113.8")
	require.Equal(t, "unauthorized", reason(s.judge(t, elsewhere)), "another address is not affected")
}

func TestJudgeRefusalThrottleComesBeforePolicyAndBody(t *testing.T) {
	s := newSetup(t)
	for range 3 {
		require.Equal(t, "unknown_route", reason(s.judge(t, request("/nothing"))))
	}
	r, b := request("/leads"), new(body)
	r.Method, r.Body = "POST", b
	v := s.judge(t, r)
	require.Equal(t, "refusals_throttled", reason(v))
	require.Equal(t, gate.StepAuthenticate, v.Step)
	require.Zero(t, b.read)
	require.Equal(t, limits.RefusalPolicy, v.Limits.Policy)
}

func TestJudgeReadsBodiesOfBodyRoutesOnly(t *testing.T) {
	s := newSetup(t)
	r, b := request("/leads"), new(body)
	r.Body = b
	require.Empty(t, reason(s.judge(t, r)))
	require.Zero(t, b.read)
	r.Method = "POST"
	require.Empty(t, reason(s.judge(t, r)))
	require.Equal(t, 1, b.read)
	b.refusal = &refusal.Refusal{Kind: refusal.BodyTooLarge}
	require.Equal(t, "body_too_large", reason(s.judge(t, r)))
}

func TestJudgeWhoamiSpendsNothing(t *testing.T) {
	s := newSetup(t)
	s.judge(t, request("/leads"))
	for range 3 {
		v := s.judge(t, request("/me"))
		require.Empty(t, reason(v))
		require.Equal(t, int64(199), v.Limits.Statuses()[0].Remaining)
	}
}

// unready is what follows a gate that cannot pass the request on.
type unready struct{ asked int }

func (u *unready) Ready() *refusal.Refusal {
	u.asked++
	return &refusal.Refusal{Kind: refusal.SecretMissing}
}

func TestJudgeChargesNothingForWhatCannotBePassedOn(t *testing.T) {
	s, r, upstream := newSetup(t), request("/leads"), new(unready)
	r.Upstream = upstream
	for range 3 {
		v := s.judge(t, r)
		require.Equal(t, "secret_missing", reason(v))
		require.Equal(t, int64(200), v.Limits.Statuses()[0].Remaining)
	}
	require.Equal(t, 3, upstream.asked)
	r.Upstream = nil
	require.Equal(t, int64(199), s.judge(t, r).Limits.Statuses()[0].Remaining)
	r = request("/nothing")
	r.Upstream = upstream
	require.Equal(t, "unknown_route", reason(s.judge(t, r)), "whoever is refused before is not passed on")
	require.Equal(t, 3, upstream.asked)
}

func TestJudgeAsKeyNeedsNoCredential(t *testing.T) {
	s, r := newSetup(t), request("/leads")
	r.Header, r.As = nil, s.keys.identity
	require.Empty(t, reason(s.judge(t, r)))
	require.Zero(t, s.keys.asked)
}

func TestJudgeTakesTime(t *testing.T) {
	s, instant := newSetup(t), time.Now()
	s.Now = func() time.Time { instant = instant.Add(time.Millisecond); return instant }
	v := s.judge(t, request("/leads"))
	for step := range gate.Steps {
		require.Positive(t, v.Took[step], step.String())
	}
}
