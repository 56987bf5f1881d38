package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

var made = time.Date(2026, 11, 27, 12, 0, 0, 123456000, time.UTC)

// everything is a workspace, a key and an event with all that they can hold.
var (
	wholeWorkspace = &record.Workspace{ID: "ws_acme", Plan: "pro", Limits: []record.Window{{Limit: 500, Duration: time.Minute}},
		Metadata:    map[string]any{"region": "<eu>", "n": json.Number("1.50"), "deep": []any{map[string]any{"a": nil}}},
		SuspendedAt: made, SuspendedReason: "invoice 117"}
	wholeKey = &keystore.MovedKey{Workspace: "ws_acme", Key: record.Key{ID: "key_full", Name: "crm & agent", Scopes: []record.Scope{"agent.*"},
		AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, CreatedAt: made, ExpiresAt: made.Add(time.Hour), Disabled: true, RevokedAt: made},
		Secrets: []keystore.MovedSecret{
			{Sum: record.SumOf("one"), Secret: keystore.Secret{CreatedAt: made, ExpiresAt: made.Add(time.Minute), LastUsedAt: made}},
			{Sum: record.SumOf("two")}}}
	wholeEvent = &keystore.Event{At: made, Act: keystore.Act{By: "command a@b", Action: "key create"}, Workspace: "ws_acme", Key: "key_full",
		Details: json.RawMessage(`{"name":"a<b"}`)}
)

// written is a stream of these records.
func written(t testing.TB, history bool) string {
	t.Helper()
	var text bytes.Buffer
	w, err := NewWriter(&text, Header{Schema: 1, MadeAt: made, Tollgate: "v1.2.3", History: history})
	require.NoError(t, err)
	to := w.Records(history)
	require.NoError(t, to.Workspace(wholeWorkspace))
	require.NoError(t, to.Workspace(&record.Workspace{ID: "ws_other", Plan: "starter"}))
	require.NoError(t, to.Key(wholeKey))
	require.NoError(t, to.Key(&keystore.MovedKey{Workspace: "ws_other", Key: record.Key{ID: "key_plain"}, Secrets: []keystore.MovedSecret{{Sum: record.SumOf("three")}}}))
	if history {
		require.NoError(t, to.Event(wholeEvent))
	}
	_, err = w.Close()
	require.NoError(t, err)
	return text.String()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	text := written(t, true)
	s, err := Check("keys.jsonl", strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, Header{Schema: 1, MadeAt: made, Tollgate: "v1.2.3", History: true}, s.Header)
	require.Equal(t, Counts{Workspaces: 2, Keys: 2, Secrets: 3, Events: 1}, s.Counts)
	var got []any
	require.NoError(t, s.Replay("keys.jsonl", strings.NewReader(text), keystore.Records{
		Workspace: func(w *record.Workspace) error { got = append(got, w); return nil },
		Key:       func(k *keystore.MovedKey) error { got = append(got, k); return nil },
		Event:     func(e *keystore.Event) error { got = append(got, e); return nil },
	}))
	require.Len(t, got, 5)
	require.Equal(t, []any{wholeWorkspace, wholeKey, wholeEvent}, []any{got[0], got[2], got[4]})
	require.NotContains(t, text, `\u003c`, "it can be read by people")
}

// sealed gives a stream of these lines the trailer that it would have.
func sealed(counts Counts, lines ...string) string {
	text := strings.Join(lines, "\n") + "\n"
	end, _ := json.Marshal(trailerLine{Record: "end", Counts: counts, SHA256: sum(sha256.Sum256([]byte(text)))})
	return text + string(end) + "\n"
}

const (
	head  = `{"record":"header","format":"tollgate store","version":1,"made_at":"2026-11-27T12:00:00Z","tollgate":"x","history":true}`
	acme  = `{"record":"workspace","id":"ws_acme","plan":"pro"}`
	crm   = `{"record":"key","id":"key_crm","workspace":"ws_acme","secrets":[{"sha256":"` + zeros + `1"}]}`
	event = `{"record":"event","at":"2026-11-27T12:00:00Z","by":"x","action":"y","workspace":"ws_acme","details":{}}`
	zeros = "000000000000000000000000000000000000000000000000000000000000000"
)

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	good := sealed(Counts{1, 1, 1, 1}, head, acme, crm, event)
	_, err := Check("s", strings.NewReader(good))
	require.NoError(t, err)
	lines := func(n ...string) string { return sealed(Counts{1, 1, 1, 0}, append([]string{head}, n...)...) }
	changed := func(line, old, new string) string {
		require.Contains(t, line, old)
		return strings.Replace(line, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                    {"", "s is empty"},
		"something else":             {"workspaces: []\n", "s:1: this is not what store export writes"},
		"no trailer":                 {head + "\n" + acme + "\n", "s ends at line 2 without its last line: it was cut on its way"},
		"half a line":                {good[:len(head)+20], "s:2:"},
		"half a trailer":             {good[:len(good)-20], "s:5:"},
		"more behind the trailer":    {good + acme + "\n", "s:6: something follows the last line"},
		"other line ends":            {strings.ReplaceAll(good, "\n", "\r\n"), "checksum or counts differ"},
		"a record taken out":         {strings.Replace(good, crm+"\n", "", 1), "checksum or counts differ"},
		"a changed record":           {strings.Replace(good, `"pro"`, `"prx"`, 1), "checksum or counts differ"},
		"counts that are not so":     {sealed(Counts{1, 2, 1, 1}, head, acme, crm, event), "checksum or counts differ"},
		"a newer version":            {lines(acme)[:0] + sealed(Counts{}, changed(head, `"version":1`, `"version":2`)), "s:1: the stream has version 2, and this program reads version 1"},
		"another format":             {sealed(Counts{}, changed(head, "tollgate store", "other")), `the format "other" is not known`},
		"a second header":            {lines(head), "s:2: a header stands behind a header"},
		"another order":              {lines(acme, crm, acme), "s:4: a workspace stands behind a key"},
		"an unknown kind":            {lines(`{"record":"plan","id":"x"}`), "s:2: it does not begin with the kind of a record"},
		"history not announced":      {sealed(Counts{1, 0, 0, 1}, changed(head, `,"history":true`, ""), acme, event), "the header says that the stream holds no history"},
		"an unknown member":          {lines(changed(acme, `"plan"`, `"limit":1,"plan"`)), `s:2: a workspace has no "limit"`},
		"a member in capitals":       {lines(changed(acme, `"plan"`, `"Plan"`)), `a workspace has no "Plan"`},
		"an unknown secret's member": {lines(acme, changed(crm, `{"sha256"`, `{"x":1,"sha256"`)), `a secret has no "x"`},
		"a name twice":               {lines(changed(acme, `"plan"`, `"plan":"trial","plan"`)), "an object has the same name twice"},
		"a null":                     {lines(acme, changed(crm, `"secrets"`, `"expires_at":null,"secrets"`)), `"expires_at" has no value`},
		"another type":               {lines(acme, changed(crm, `"secrets"`, `"disabled":"no","secrets"`)), `the value of "disabled" is not of its type`},
		"two values":                 {lines(acme + acme), "something follows the value"},
		"not UTF-8":                  {lines(changed(acme, "pro", "pr\xff")), "it is not valid UTF-8"},
		"a bad quota":                {lines(changed(acme, `"plan"`, `"quotas":["9/year"],"plan"`)), "'year' is not a period: write day or month"},
		"two quotas of one period":   {lines(changed(acme, `"plan"`, `"quotas":["9/day","8/day"],"plan"`)), "s:2: workspace ws_acme: quotas 9/day and 8/day have the same period"},
		"a bad limit of a key":       {lines(acme, changed(crm, `"secrets"`, `"limits":["9/month"],"secrets"`)), "a limit per calendar month is a quota"},
		"too many limits of a key":   {lines(acme, changed(crm, `"secrets"`, `"limits":["1/1s","1/2s","1/3s","1/4s","1/5s"],"secrets"`)), "s:3: key key_crm: 5 windows are too many"},
		"a bad id":                   {lines(changed(acme, "ws_acme", "ws acme")), `id "ws acme" is not valid`},
		"no plan":                    {lines(`{"record":"workspace","id":"ws_acme"}`), "s:2: workspace ws_acme: an id is empty"},
		"a workspace twice":          {lines(acme, acme), "s:3: workspace ws_acme: it stands here a second time"},
		"a key twice":                {lines(acme, crm, crm), "s:4: key key_crm: it stands here a second time"},
		"a secret twice":             {lines(acme, crm, changed(crm, "key_crm", "key_2")), "s:4: key key_2: its secret number 1 stood before"},
		"no workspace":               {lines(acme, changed(crm, "ws_acme", "ws_other")), "its workspace ws_other is not in the stream"},
		"no hash":                    {lines(acme, changed(crm, `"sha256":"`+zeros+`1"`, "")), "a secret has no sha256"},
		"a secret for a hash":        {lines(acme, changed(crm, zeros+"1", "tg_not-a-hash")), "sha256 is not the SHA-256 of a secret"},
		"a hash that is too long":    {lines(acme, changed(crm, zeros+"1", zeros+"12")), "sha256 is not the SHA-256 of a secret"},
		"a bad scope":                {lines(acme, changed(crm, `"secrets"`, `"scopes":["a b"],"secrets"`)), "key key_crm: scope"},
		"a bad network":              {lines(acme, changed(crm, `"secrets"`, `"allowed_ips":["10.0.0.1/8"],"secrets"`)), "key key_crm:"},
		"a bad time":                 {lines(acme, changed(crm, `"secrets"`, `"expires_at":"tomorrow","secrets"`)), "time"},
		"an end that would be none":  {lines(acme, changed(crm, `"secrets"`, `"expires_at":"0001-01-01T00:00:00Z","secrets"`)), "out of range"},
		"an end at the epoch":        {lines(acme, changed(crm, `"secrets"`, `"expires_at":"1970-01-01T00:00:00Z","secrets"`)), "out of range"},
		"an event without a time":    {lines(acme, changed(event, `"at":"2026-11-27T12:00:00Z",`, "")), "it has no time"},
		"details that are no object": {lines(acme, changed(event, "{}", "[]")), "details must be an object"},
		"a zero byte":                {lines(acme, changed(event, `"by":"x"`, `"by":"x\u0000"`)), "zero byte"},
		"an endless line":            {head + "\n" + strings.Repeat("x", MaxLine+2), "s:2: the line is longer"},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			t.Parallel()
			_, err := Check("s", strings.NewReader(c.text))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "tg_not-a-hash", "a secret is not repeated")
		})
	}
}

// TestEveryCutIsRefused: whatever is missing at the end, and whatever byte is another.
func TestEveryCutIsRefused(t *testing.T) {
	t.Parallel()
	text := written(t, true)
	for n := range len(text) - 1 { // the last line feed may be missing
		_, err := Check("s", strings.NewReader(text[:n]))
		require.Error(t, err, n)
	}
	for n := range len(text) - 1 {
		other := []byte(text)
		other[n] ^= 0x04
		_, err := Check("s", bytes.NewReader(other))
		require.Error(t, err, "byte %d: %s", n, other)
	}
}

// TestReplayNeedsTheSameStream: a file that is changed between the two readings is not taken.
func TestReplayNeedsTheSameStream(t *testing.T) {
	t.Parallel()
	s, err := Check("s", strings.NewReader(written(t, true)))
	require.NoError(t, err)
	err = s.Replay("s", strings.NewReader(written(t, false)), keystore.Records{})
	require.ErrorContains(t, err, "s was changed while it was read")
}

// TestTheWriterRefusesWhatNobodyCouldRead, and says which record it is.
func TestTheWriterRefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	w, err := NewWriter(io.Discard, Header{MadeAt: made})
	require.NoError(t, err)
	to := w.Records(true)
	require.ErrorContains(t, to.Workspace(&record.Workspace{ID: "ws_1", Plan: "a b"}), "workspace ws_1:")
	require.ErrorContains(t, to.Key(&keystore.MovedKey{Key: record.Key{ID: "key_1", ExpiresAt: time.Unix(0, 0)}, Workspace: "ws_1"}), "key key_1:")
	require.ErrorContains(t, to.Event(&keystore.Event{Revision: 7, Workspace: "ws_1", At: made, Details: json.RawMessage("null")}), "revision 7")
}

func FuzzCheck(f *testing.F) {
	f.Add(written(f, true))
	f.Add(written(f, false))
	f.Add(sealed(Counts{1, 1, 1, 1}, head, acme, crm, event))
	f.Add(head)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Check("s", strings.NewReader(text))
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			text = sealed(Counts{}, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...) // so that more than the checksum is tried
			if s, err = Check("s", strings.NewReader(text)); err != nil {
				return
			}
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, s.Header)
		require.NoError(t, err)
		require.NoError(t, s.Replay("s", strings.NewReader(text), w.Records(true)), "what was read can be written")
		counts, err := w.Close()
		require.NoError(t, err)
		require.Equal(t, s.Counts, counts)
		again, err := Check("s", &out)
		require.NoError(t, err, "and read again")
		require.Equal(t, s.Header, again.Header)
	})
}

func TestEveryKindHasMembers(t *testing.T) {
	t.Parallel()
	for _, kind := range append([]string{"secret"}, kinds...) {
		require.NotEmpty(t, memberNames[kind], kind)
	}
	require.True(t, memberNames["end"]["secrets"], fmt.Sprint(memberNames["end"]))
}
