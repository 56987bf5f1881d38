package samples_test

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/examples/konecty/crm"
	"github.com/tollgate-gateway/tollgate/examples/konecty/samples"
)

const token = "s3ssion-token-of-the-tests"

func modules(t *testing.T) []crm.Module {
	t.Helper()
	all, err := crm.Modules()
	require.NoError(t, err)
	return all
}

func TestHalfOfTheSamplesOfEveryTypeAreValid(t *testing.T) {
	valid, invalid := map[string]int{}, map[string]int{}
	for _, s := range samples.Of(modules(t)) {
		if s.Valid {
			valid[s.Type]++
		} else {
			invalid[s.Type]++
		}
	}
	delete(valid, "")
	require.Len(t, valid, 24, "every type but autoNumber, which nobody may send")
	for kind := range valid {
		require.GreaterOrEqual(t, valid[kind], 10, kind)
		require.Equal(t, valid[kind], invalid[kind], kind)
	}
}

// named are the ways in which the server names the field that is wrong, or none.
var named = regexp.MustCompile(`^(?:Field|Value for field|Value .* for field) (\w+)|^\[\w+\] (_user|Unexpected error|Cannot convert)`)

func create(t *testing.T, server *crm.Server, s samples.Sample) (taken bool, problems []string) {
	t.Helper()
	sent, err := json.Marshal(s.Payload)
	require.NoError(t, err)
	r := httptest.NewRequest("POST", "/rest/data/"+s.Document, strings.NewReader(string(sent)))
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, r)
	var answer struct {
		Success bool
		Errors  []struct{ Message string }
	}
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &answer))
	for _, e := range answer.Errors {
		problems = append(problems, e.Message)
	}
	return answer.Success, problems
}

// TestTheBackendTakesWhatIsValidAndNamesWhatIsNot holds the stand-in to what the real server said: all of these payloads
// were sent to it, but those of User and Group.
func TestTheBackendTakesWhatIsValidAndNamesWhatIsNot(t *testing.T) {
	server, err := crm.New(crm.Options{Token: token})
	require.NoError(t, err)
	all := append(samples.Of(modules(t)), samples.Strict(modules(t))...)
	require.Greater(t, len(all), 2500)
	for _, s := range all {
		if s.Payload["_id"] != nil {
			continue // the first of a document takes the id
		}
		taken, problems := create(t, server, s)
		require.Equal(t, s.Valid, taken, "%s.%s %v: %v", s.Document, s.Field, s.Payload, problems)
		if s.Valid {
			continue
		}
		require.Len(t, problems, 1, "%s.%s %v", s.Document, s.Field, s.Payload)
		found := named.FindStringSubmatch(problems[0])
		require.NotNil(t, found, problems[0])
		if found[1] != "" {
			require.Equal(t, s.Field, found[1], "%v", s.Payload)
		}
	}
}
