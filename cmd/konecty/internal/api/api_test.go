package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask gives a client of a server that gives one answer, and what the server was sent.
func ask(t testing.TB, kind, body string) (*api.Client, *string) {
	t.Helper()
	sent := new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*sent = r.Method + " " + r.URL.RequestURI() + " " + string(text)
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	client, err := api.New(api.Options{Host: server.URL, Token: "t", Language: "pt BR"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client, sent
}

func TestQueries(t *testing.T) {
	client, sent := ask(t, "application/x-ndjson", "")
	for term, filter := range map[string]string{
		"16503":             `{"conditions":[{"operator":"equals","term":"code","value":16503}],"match":"and"}`,
		"0":                 `{"conditions":[{"operator":"equals","term":"code","value":0}],"match":"and"}`,
		"007":               `{"match":"and","textSearch":"007"}`,
		"1.5":               `{"match":"and","textSearch":"1.5"}`,
		"-1":                `{"match":"and","textSearch":"-1"}`,
		"9999999999999999":  `{"match":"and","textSearch":"9999999999999999"}`,
		"Maria \"x\" Silva": `{"match":"and","textSearch":"Maria \"x\" Silva"}`,
	} {
		records, err := client.Find(t.Context(), api.Query{Document: "Contact", Term: term, Fields: []string{"code", "name"}, Limit: 5})
		require.NoError(t, err)
		require.Equal(t, []api.Record{}, records, "an empty answer has no rows")
		require.Equal(t, `POST /rest/query/json {"document":"Contact","fields":"_id,code,name","filter":`+filter+`,"limit":5}`, *sent)
	}
}

func TestRows(t *testing.T) {
	client, _ := ask(t, "application/x-ndjson", `{"_meta":{"success":true,"total":2}}`+"\n"+`{"_id":"a","code":12345678901234567890}`+"\n\n"+`{"_id":"b"}`)
	records, err := client.Find(t.Context(), api.Query{})
	require.NoError(t, err)
	require.Equal(t, []api.Record{{"_id": "a", "code": json.Number("12345678901234567890")}, {"_id": "b"}}, records)
	require.Equal(t, "a", records[0].ID())
}

func TestRowsThatEndInAnError(t *testing.T) {
	client, _ := ask(t, "application/x-ndjson", `{"_id":"a"}`+"\n"+`{"_meta":{"success":false,"errors":[{"message":"cursor lost"}]}}`+"\n")
	_, err := client.Find(t.Context(), api.Query{})
	require.EqualError(t, err, "cursor lost")

	client, _ = ask(t, "application/x-ndjson", `{"_id":"a"}`+"\n"+`{"_id":`)
	_, err = client.Find(t.Context(), api.Query{})
	require.ErrorAs(t, err, new(*api.Unreachable))
}

func TestNamesAreEscaped(t *testing.T) {
	client, sent := ask(t, "application/json", `{"success":true,"data":[{"_id":"x"}]}`)
	_, err := client.Create(t.Context(), "../a?b", map[string]any{"n": json.Number("1.50")})
	require.NoError(t, err)
	require.Equal(t, `POST /rest/data/..%2Fa%3Fb {"n":1.50}`, *sent)

	client, sent = ask(t, "application/json", `{"success":true,"data":{"modules":[]}}`)
	_, err = client.Modules(t.Context())
	require.NoError(t, err)
	require.Equal(t, "GET /rest/query/explorer/modules?lang=pt+BR ", *sent)
}

func TestWhatIsNoRecord(t *testing.T) {
	for _, body := range []string{`{"success":true}`, `{"success":true,"data":[]}`, `{"success":true,"data":7}`, `{"data":[`} {
		client, _ := ask(t, "application/json", body)
		_, err := client.Create(t.Context(), "Contact", nil)
		require.ErrorAs(t, err, new(*api.Unreachable), body)
	}
}

func TestWaitingByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := api.New(api.Options{Host: "http://konecty.test", Token: "t"})
		require.NoError(t, err)
		asked, start := 0, time.Now()
		client.SetTransport(roundTrip(func(*http.Request) *http.Response {
			if asked++; asked == 1 {
				return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"12"}}, Body: io.NopCloser(strings.NewReader(""))}
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"data":{"modules":[]}}`))}
		}))
		_, err = client.Modules(t.Context())
		require.NoError(t, err)
		require.Equal(t, 12*time.Second, time.Since(start))

		client, err = api.New(api.Options{Host: "http://konecty.test", Token: "t"})
		require.NoError(t, err)
		client.SetTransport(roundTrip(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"12"}}, Body: io.NopCloser(strings.NewReader(""))}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Modules(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\r\n c": "a b c", "\x1b[31mred": "[31mred", "\u202eabc": "abc", "a\xffb": "a�b", "": "", " ": "",
	} {
		require.Equal(t, want, api.Line(text))
	}
	require.LessOrEqual(t, len(api.Line(strings.Repeat("ü", 5000))), 1010)
}

// FuzzAnswers holds that no answer whatever makes the client panic, or say more than one line.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"success":false,"errors":[{"message":"Field name is required"}]}`, `{"success":false,"errors":{"a":1}}`, `{"error":{"details":{"a":["b"]}}}`,
		`{"_meta":{"success":false}}`, `{"_meta":7}`, `{"error":"x","message":7}`, `[1`, "", "\x00\n{}", `{"errors":[7,null,{"message":{}}]}`,
	} {
		f.Add(400, "application/json", body)
		f.Add(200, "application/x-ndjson", body)
		f.Add(500, "text/plain", body)
	}
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		client, err := api.New(api.Options{Host: "http://konecty.test", Token: "t", NoWait: true})
		require.NoError(t, err)
		client.SetTransport(roundTrip(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
		}))
		for _, call := range []func() error{
			func() error { _, err := client.Find(t.Context(), api.Query{}); return err },
			func() error { _, err := client.Modules(t.Context()); return err },
			func() error { _, err := client.Create(t.Context(), "A", nil); return err },
		} {
			if err := call(); err != nil {
				require.NotContains(t, err.Error(), "\n")
				require.NotContains(t, err.Error(), "\x1b")
				require.NotEmpty(t, err.Error())
			}
		}
	})
}
