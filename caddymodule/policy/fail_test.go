package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestAnEndlessPolicyIsLateAndLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	e, err := New(t.Context(), Options{Paths: []string{folder(t, map[string]string{"a.rego": refusal(endless)})}})
	require.NoError(t, err)
	began, in := time.Now(), request()
	for range 2 { // a failure is not remembered
		d, err := e.Decide(t.Context(), in)
		require.ErrorIs(t, err, ErrLate)
		require.Equal(t, Decision{Generation: 1}, d)
	}
	require.Less(t, time.Since(began), 20*DefaultTimeout)
}

func TestEndsWithItsCaller(t *testing.T) {
	defer goleak.VerifyNone(t)
	e := engine(t, map[string]string{"a.rego": refusal(endless)})
	gone := errors.New("the client has gone")
	ctx, leave := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { leave(gone) })
	began := time.Now()
	_, err := e.Decide(ctx, request())
	require.ErrorIs(t, err, gone)
	require.Less(t, time.Since(began), e.options.Timeout/3, "it is the caller who ends it, not the timeout")
}

func TestFailsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		rego string
		want error
		says string
	}{
		"a built-in that fails":            {refusal(`to_number(input.request.method) > 1`), nil, "a.rego:4: eval_builtin_error: to_number"},
		"a rule with two values":           {refusal(`_x == 1`) + "\n_x := 1 if input.request.method == \"GET\"\n\n_x := 2 if input.request.host != \"\"\n", nil, "a.rego:9: eval_conflict_error: rule data.tollgate.authz._x produced conflicting values"},
		"an unknown code":                  {authz(`deny contains {"code": upper("teapot"), "message": "a"}`), ErrMalformed, `a.rego:3: the policy decision is malformed: a refusal does not have the form {code, message, details}: {"code": "TEAPOT", "message": string}`},
		"a refusal without a code":         {authz(`deny contains json.unmarshal("{\"message\": \"a\"}")`), ErrMalformed, "a.rego:3: the policy decision is malformed: a refusal does not have the form {code, message, details}"},
		"a refusal that is text":           {authz(`deny contains r if some r in json.unmarshal("[\"no\"]")`), ErrMalformed, "a.rego:3: "},
		"a message that is not text":       {authz(`deny contains {"code": "FORBIDDEN", "message": json.unmarshal("1")}`), ErrMalformed, "a.rego:3: "},
		"details that are not an object":   {authz(`deny contains {"code": "FORBIDDEN", "details": json.unmarshal("[1]")}`), ErrMalformed, "a.rego:3: "},
		"details with a number for a name": {authz(`deny contains {"code": "FORBIDDEN", "details": {"a": {1: 2}}}`), ErrMalformed, "a.rego:3: the policy decision is malformed: details: key 1 is not a string"},
		"a field nobody knows":             {authz(`deny contains object.union({"code": "FORBIDDEN"}, {"status": 418})`), ErrMalformed, "a.rego:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			e, in := engine(t, map[string]string{"a.rego": test.rego}), request()
			require.True(t, e.Report().Remembered)
			for range 2 { // a failure is not remembered
				d, err := e.Decide(t.Context(), in)
				require.Error(t, err)
				require.Equal(t, Decision{Generation: 1}, d, "nothing but who failed")
				if test.want != nil {
					require.ErrorIs(t, err, test.want)
				}
				require.ErrorContains(t, err, test.says)
			}
		})
	}
}

// TestAFailureIsOnlyThatRequests has a policy that fails for one method.
func TestAFailureIsOnlyThatRequests(t *testing.T) {
	e := engine(t, map[string]string{"a.rego": refusal(`to_number(input.request.query.n[0]) > 5`)})
	_, err := e.Decide(t.Context(), request().with(query("n=x")))
	require.Error(t, err)
	d, err := e.Decide(t.Context(), request().with(query("n=6")))
	require.NoError(t, err)
	require.False(t, d.Allow)
	d, err = e.Decide(t.Context(), request().with(query("n=5")))
	require.NoError(t, err)
	require.True(t, d.Allow)
}

func TestErrorsQuoteNothingOfTheCaller(t *testing.T) {
	for name, rego := range map[string]string{
		"a built-in that fails":  refusal(`to_number(input.request.query.q[0]) > 5`),
		"a rule with two values": refusal(`_x == "y"`) + "\n_x := input.request.query.q[_]\n",
		"a malformed refusal":    authz(`deny contains object.union({"code": "FORBIDDEN"}, {"text": input.request.query.q[0]})`),
		"a refusal that is text": authz(`deny contains json.unmarshal(json.marshal(input.request.query.q[0]))`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := engine(t, map[string]string{"a.rego": rego}).Decide(t.Context(), request().with(query("q=private&q=hidden")))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "private")
			require.NotContains(t, err.Error(), "hidden")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAnUndefinedDecisionIsAnError(t *testing.T) {
	g := engine(t, nil).current.Load()
	undefined := *g
	var err error
	undefined.prepared, err = g.sources.prepare(t.Context(), g.compiler, ast.MustParseRef("data.tollgate.nothing"))
	require.NoError(t, err)
	_, err = undefined.evaluate(t.Context(), request(), time.Minute)
	require.ErrorIs(t, err, ErrUndefined)
}

func TestMetadataThatAreNoJSONAreAnError(t *testing.T) {
	_, err := engine(t, nil).Decide(t.Context(), request().with(metadata("f", func() {})))
	require.ErrorContains(t, err, "reading the metadata of workspace ws_acme")
}

func TestReadsOnlyDecisionsOfTheOneForm(t *testing.T) {
	for name, test := range map[string]struct {
		value string
		want  Decision
		err   string
	}{
		"allow":                            {`{"allow": true}`, Decision{Allow: true}, ""},
		"a refusal":                        {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": null}`, Decision{Code: NotFound, Message: "a"}, ""},
		"a refusal with empty details":     {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": {}}`, Decision{Code: NotFound, Message: "a", Details: map[string]any{}}, ""},
		"text for true":                    {`{"allow": "true"}`, Decision{}, "allow is missing or is not a boolean"},
		"a number for true":                {`{"allow": 1}`, Decision{}, "allow is missing or is not a boolean"},
		"an empty object":                  {`{}`, Decision{}, "allow is missing"},
		"an object in allow":               {`{"allow": {}}`, Decision{}, "allow is missing"},
		"true itself":                      {`true`, Decision{}, "it is boolean, not an object"},
		"a list":                           {`[{"allow": true}]`, Decision{}, "it is array, not an object"},
		"null":                             {`null`, Decision{}, "it is null"},
		"allow in a set":                   {`{{"allow": true}}`, Decision{}, "it is set"},
		"allow and a code":                 {`{"allow": true, "code": "FORBIDDEN", "message": "a", "details": null}`, Decision{}, "allow is true, yet there is more than that"},
		"allow and anything":               {`{"allow": true, "x": 1}`, Decision{}, "allow is true, yet there is more than that"},
		"false alone":                      {`{"allow": false}`, Decision{}, "a refusal has allow, code, message and details, nothing else"},
		"a refusal with more":              {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": null, "x": 1}`, Decision{}, "nothing else"},
		"a refusal without details":        {`{"allow": false, "code": "NOT_FOUND", "message": "a", "x": 1}`, Decision{}, "details are missing"},
		"a refusal without a code":         {`{"allow": false, "cod": "NOT_FOUND", "message": "a", "details": null}`, Decision{}, "code or message is missing"},
		"an unknown code":                  {`{"allow": false, "code": "UNAUTHORIZED", "message": "a", "details": null}`, Decision{}, `code "UNAUTHORIZED" is not one of`},
		"an empty code":                    {`{"allow": false, "code": "", "message": "a", "details": null}`, Decision{}, `code "" is not one of`},
		"a code that is not text":          {`{"allow": false, "code": 403, "message": "a", "details": null}`, Decision{}, "code or message is missing"},
		"a message that is not text":       {`{"allow": false, "code": "NOT_FOUND", "message": null, "details": null}`, Decision{}, "code or message is missing"},
		"details that are a list":          {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": []}`, Decision{}, "details are array, not an object or null"},
		"details that are text":            {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": "x"}`, Decision{}, "details are string"},
		"details with a name that is true": {`{"allow": false, "code": "NOT_FOUND", "message": "a", "details": {"a": [{true: 1}]}}`, Decision{}, "key true is not a string"},
		"a report of malformed refusals":   {`{"malformed": {{"code": "TEAPOT"}}}`, Decision{}, `a refusal does not have the form {code, message, details}: {"code": "TEAPOT"}`},
		"allow and malformed":              {`{"allow": true, "malformed": set()}`, Decision{}, "a refusal does not have the form"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(ast.MustParseTerm(test.value).Value)
			require.Equal(t, test.err == "", err == nil, err)
			if test.err != "" {
				require.ErrorIs(t, err, ErrMalformed)
				require.ErrorContains(t, err, test.err)
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestOffersOnlyScopesThatMayStandInAChallenge(t *testing.T) {
	for details, want := range map[string][]string{
		`{"missing_scopes": ["a.b", "c"]}`:           {"a.b", "c"},
		`{"missing_scopes": {"b", "a"}}`:             {"a", "b"},
		`{"missing_scopes": []}`:                     nil,
		`{"missing_scopes": "a"}`:                    nil,
		`{"missing_scopes": ["a", 1]}`:               nil,
		`{"missing_scopes": [""]}`:                   nil,
		`{"missing_scopes": ["a\", error=\"x"]}`:     nil,
		`{"missing_scopes": ["a\r\nSet-Cookie: x"]}`: nil,
		`{"missing_scopes": ["a b"]}`:                nil,
		`{"missing_scopes": ["a\\b"]}`:               nil,
		`{"missing_scopes": ["é"]}`:                  nil,
		`{"missing": ["a"]}`:                         nil,
		`null`:                                       nil,
	} {
		t.Run(details, func(t *testing.T) {
			for code, want := range map[string][]string{Forbidden: want, NotFound: nil} {
				d, err := decode(ast.MustParseTerm(`{"allow": false, "code": "` + code + `", "message": "a", "details": ` + details + `}`).Value)
				require.NoError(t, err)
				require.Equal(t, want, d.MissingScopes)
			}
		})
	}
}
