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

// existing are ids that the server begins with.
var existing = map[string]string{"Contact": "JeSqMH6mkP5f233Rp", "Campaign": "c3WqHn5RvTzKpL8sJ", "Product": "p5RvTzKpL8sJc3WqH"}

func all(t *testing.T) []samples.Sample {
	t.Helper()
	modules, err := crm.Modules("en")
	require.NoError(t, err)
	return samples.Of(modules, existing)
}

func TestHalfOfTheSamplesOfEveryTypeAreValid(t *testing.T) {
	valid, invalid := map[string]int{}, map[string]int{}
	for _, s := range all(t) {
		if s.Valid {
			valid[s.Type]++
		} else {
			invalid[s.Type]++
		}
	}
	require.Len(t, valid, 21, "20 types, and payloads as a whole")
	for kind := range valid {
		require.GreaterOrEqual(t, valid[kind], 5, kind)
		require.Equal(t, valid[kind], invalid[kind], kind)
	}
}

// named are the ways in which the server names the field that is wrong.
var named = regexp.MustCompile(`^(?:Field|Value for field|Value .* for field|\[\w+\] You don't have permission to create field) (\w+)`)

func TestTheBackendTakesWhatIsValidAndNamesWhatIsNot(t *testing.T) {
	server, err := crm.New(crm.Options{Token: token})
	require.NoError(t, err)
	for _, s := range all(t) {
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
		require.Equal(t, s.Valid, answer.Success, "%s.%s %s: %s", s.Document, s.Field, sent, recorder.Body)
		if s.Valid {
			continue
		}
		require.Len(t, answer.Errors, 1, "%s: %s", sent, recorder.Body)
		found := named.FindStringSubmatch(answer.Errors[0].Message)
		require.NotNil(t, found, answer.Errors[0].Message)
		require.Equal(t, s.Field, found[1], "%s: %s", sent, recorder.Body)
	}
}
