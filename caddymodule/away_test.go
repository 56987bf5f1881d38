package caddymodule_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/services"
)

// awayRow is a row of the README's table of parts that are away. What stands in backticks in its cells is what a test sees:
// a status and the reason in the table of errors, a header, a metric with its value, a text of the log, of a problem or of an error.
type awayRow struct{ part, inUse, others, management, seen, do string }

// awayRows are the rows of the README.
func awayRows(t *testing.T) (rows []awayRow) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), "## When a part is away\n")
	section, _, _ = strings.Cut(section, "\n#")
	for line := range strings.Lines(section) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | "); len(cells) == 6 {
			rows = append(rows, awayRow{strings.TrimSpace(cells[0]), cells[1], cells[2], cells[3], cells[4], cells[5]})
		}
	}
	require.NotEmpty(t, rows)
	require.Equal(t, "part that is away", rows[0].part)
	return rows[1:]
}

// away is a gateway one of whose parts is taken away.
type away struct {
	*harness.Gateway
	harness.Desk
	admin string
	// inUse is the secret of a key that was used before, in ws_acme; other is one that was not, in ws_other.
	inUse, other string
	// text is its Caddyfile.
	text string
	// eager says that the other key is asked for from the beginning: its answers are what is seen.
	eager bool
	// long says that what is seen only after a while is looked for.
	long bool
	// command is what the row says of commands; empty: key create.
	command []string
}

const (
	awayWindow = "1m"
	awayGate   = `
openapi $DIR/api.yaml
public GET /metrics
route GET /leads agent.leads.read
route GET,POST /keys
inject X-Backend-Token "{tollgate.secret.token}"
`
	awayThen     = "tollgate_keys /keys\nmetrics /metrics\nreverse_proxy $BACKEND {\n transport http {\n response_header_timeout 200ms\n}\n}"
	goodRule     = "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"No deletions.\", \"details\": null} if input.request.method == \"DELETE\"\n"
	goodDocument = "openapi: 3.1.0\npaths: {/described: {get: {}}}\n"
	awayKeys     = `workspaces:
  - id: ws_acme
    plan: pro
    keys:
      - {id: key_used, name: used, sha256: $SHA(secret-in-use-0123456789), scopes: ["*"]}
  - id: ws_other
    plan: pro
    keys:
      - {id: key_other, name: other, sha256: $SHA(secret-of-other-0123456789), scopes: ["*"]}
`
)

// startAway runs a gateway with options of the tollgate block, its keys in their store, and its policies and secrets in folders.
func startAway(t *testing.T, options string) *away {
	t.Helper()
	a := &away{Gateway: harness.New(t), admin: services.Address(services.FreePort(t)), inUse: "secret-in-use-0123456789", other: "secret-of-other-0123456789"}
	a.Desk.Dir = a.Gateway.Dir
	if !strings.Contains(options, "keys ") {
		options += "\nkeys sqlite $DIR/tollgate.db"
	}
	setup := harness.Setup{Options: options + "\nplan pro 1000000/" + awayWindow + "\npolicies $DIR/policies\nsecrets $DIR/secrets\nauth_throttle off\nrefusal_throttle off", Gate: awayGate, Then: awayThen}
	text := strings.Replace(setup.Caddyfile(), "admin off", "admin "+a.admin, 1)
	a.text = text
	for name, content := range map[string]string{"keys.yaml": awayKeys, "policies/rule.rego": goodRule, "api.yaml": goodDocument, "secrets/ws_acme/token": "one", "secrets/ws_other/token": "two", "Caddyfile": text} {
		a.Gateway.WriteFile(t, name, content)
	}
	if !strings.Contains(options, "keys file") {
		for _, id := range []string{"ws_acme", "ws_other"} {
			require.NoError(t, a.give("", "workspace", "create", id, "--plan", "pro").Err)
		}
		for secret, id := range map[string]string{a.inUse: "ws_acme", a.other: "ws_other"} {
			require.NoError(t, a.give(secret+"\n", "key", "import", "--workspace", id, "--scope", "agent.*", "--scope", "tollgate.keys.*").Err)
		}
	}
	require.NoError(t, a.Load(text))
	// The feed of changes begins with a gap, which forgets what was asked before it.
	require.Eventually(t, func() bool {
		before := a.ask(a.inUse).Status
		return before == 200 && a.feeds(t) && a.ask(a.inUse).Status == 200
	}, harness.WaitFor, harness.Tick)
	return a
}

// give gives a command.
func (a *away) give(stdin string, args ...string) harness.Output {
	return a.Desk.Run(stdin, append(args, "--config", a.Gateway.Dir+"/Caddyfile")...)
}

func (a *away) ask(secret string) *harness.Answer {
	answer, err := a.Try(harness.Request{Path: "/leads", Key: secret})
	if err != nil {
		return &harness.Answer{Header: http.Header{}}
	}
	return answer
}

// feeds reports whether the gateway hears of changes of keys.
func (a *away) feeds(t *testing.T) bool {
	return !strings.Contains(a.Do(t, harness.Request{Path: "/metrics"}).Body, "\ntollgate_key_feed_age_seconds +Inf")
}

// problems are what the gateway's status says is wrong.
func (a *away) problems(t *testing.T) string {
	t.Helper()
	response, err := http.Get("http://" + a.admin + "/tollgate/status")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var view struct{ Problems []struct{ Text, Do string } }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&view))
	var text strings.Builder
	for _, p := range view.Problems {
		_, _ = io.WriteString(&text, p.Text+" "+p.Do+"\n")
	}
	return text.String()
}

var ticked = regexp.MustCompile("`([^`]+)`")

// words are what stands in backticks in a cell.
func words(cell string) (list []string) {
	for _, match := range ticked.FindAllStringSubmatch(cell, -1) {
		list = append(list, match[1])
	}
	return list
}

// answers reports whether an answer is what a cell says: "`200`", "`503 key_store_unavailable`", with the headers that it names.
func answers(cell string, answer *harness.Answer) bool {
	first, more := words(cell)[0], words(cell)[1:]
	status, reason, _ := strings.Cut(first, " ")
	if status != strconv.Itoa(answer.Status) {
		return false
	}
	for _, kind := range refusal.Catalogue() {
		if kind.Reason == reason && !strings.Contains(answer.Body, `"code":"`+string(kind.Code)+`","message":"`+kind.Message) {
			return false
		}
	}
	for _, header := range []string{"Retry-After", "X-RateLimit-Mode: local"} {
		name, value, _ := strings.Cut(header, ": ")
		got := answer.Header.Get(name)
		if slices.Contains(more, header) != (got != "") || value != "" && got != "" && got != value {
			return false
		}
	}
	return true
}

// isSeen reports whether what a cell says of metrics, of the log and of the status is there; else what is missing.
func (a *away) isSeen(t *testing.T, cell string) (missing string) {
	t.Helper()
	metrics := a.Do(t, harness.Request{Path: "/metrics"}).Body
	log, problems := a.ReadFile(t, "caddy.log"), a.problems(t)
	cell, late, _ := strings.Cut(cell, "within 30 s: ")
	if a.long {
		cell = late
	}
	inLog, inStatus, _ := strings.Cut(cell, "status: ")
	for _, word := range words(inLog) {
		switch {
		case strings.HasPrefix(word, "Tollgate"):
			rules, err := os.ReadFile("../examples/observability/rules.yml")
			require.NoError(t, err)
			require.Contains(t, string(rules), "alert: "+word+"\n")
		case strings.Contains(word, "…"):
			if before, after, _ := strings.Cut(regexp.QuoteMeta(word), "…"); !regexp.MustCompile(before + ".+" + after).MatchString(metrics) {
				return word
			}
		case strings.HasPrefix(word, "tollgate_"):
			if !strings.Contains(metrics, "\n"+word) || strings.Contains(metrics, "\n"+word+" 0\n") && !strings.HasSuffix(word, " 0") {
				return word
			}
		case !strings.Contains(log, word):
			return word
		}
	}
	for _, word := range words(inStatus) {
		if !strings.Contains(problems, word) {
			return word + " in " + problems
		}
	}
	if inStatus == "" && late == "" && problems != "" {
		return "a status without problems: " + problems
	}
	return ""
}

// TestWhenAPartIsAway: each row of the README's table is seen when the real part is taken away, and its end too: no row asks for a restart.
func TestWhenAPartIsAway(t *testing.T) {
	rows := awayRows(t)
	var told []string
	for _, row := range rows {
		told = append(told, row.part)
		require.Contains(t, awayCases, row.part, "no case breaks it")
	}
	for part := range awayCases {
		require.Contains(t, told, part, "no row of the README tells of it")
	}
	rules, err := os.ReadFile("../examples/observability/rules.yml")
	require.NoError(t, err)
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		firing := slices.ContainsFunc(rows, func(row awayRow) bool { return slices.Contains(words(row.seen), alert[1]) })
		require.True(t, firing || alert[1] == "TollgateRefusalsRising", "no row tells of %s", alert[1])
	}
	for _, row := range rows {
		t.Run(row.part, func(t *testing.T) { isHeld(t, row) })
	}
}

// isHeld takes a row's part away, holds what the row says, and brings it back.
func isHeld(t *testing.T, row awayRow) {
	a, mend := awayCases[row.part](t)
	inUse, other, missing := new(harness.Answer), new(harness.Answer), "everything"
	settled := func() bool {
		// The other key is asked for last: what was asked for before the outage is known is in use.
		if inUse = a.ask(a.inUse); !answers(row.inUse, inUse) {
			return false
		}
		if a.eager {
			other = a.ask(a.other)
		}
		if missing = a.isSeen(t, row.seen); missing != "" {
			return false
		}
		other = a.ask(a.other)
		return answers(row.others, other)
	}
	if !assert.Eventually(t, settled, harness.WaitFor, harness.Tick) {
		t.Fatalf("in use: %v\nother: %v\nnot seen: %s", inUse, other, missing)
	}
	for range 7 { // more than a breaker's five: what holds goes on
		require.True(t, settled(), "%v %v %s", inUse, other, missing)
	}
	a.manages(t, row.management)
	if a.long = harness.Long() && strings.Contains(row.seen, "within 30 s: "); a.long {
		require.Eventually(t, func() bool { missing = a.isSeen(t, row.seen); return missing == "" }, 3*harness.WaitFor, 10*harness.Tick)
	}
	switch {
	case strings.Contains(row.do, "Starts and reloads fail meanwhile"):
		require.Error(t, a.Load(a.text))
		mend()
	case strings.Contains(row.do, "Starts fail meanwhile, reloads do not"):
		require.NoError(t, a.Load(a.text))
		require.True(t, settled(), "%v %v %s", inUse, other, missing)
		a.Stop(t)
		require.Error(t, a.Load(a.text))
		mend()
		require.NoError(t, a.Load(a.text))
	case strings.Contains(row.do, "Starts succeed meanwhile"):
		a.Stop(t)
		require.NoError(t, a.Load(a.text))
		require.Eventually(t, settled, harness.WaitFor, harness.Tick)
		mend()
	default:
		mend()
	}
	require.Eventually(t, func() bool { return a.ask(a.inUse).Status == 200 && a.ask(a.other).Status == 200 }, harness.WaitFor, harness.Tick, "it mends by itself")
	require.Eventually(t, func() bool {
		problems := a.problems(t)
		return !strings.Contains(problems, "is away") && !strings.Contains(problems, "not taken") && !strings.Contains(problems, "does not answer")
	}, harness.WaitFor, harness.Tick)
}
