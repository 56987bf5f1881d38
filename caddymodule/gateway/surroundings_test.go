package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// theGate stands for a gate with a route in the Caddyfiles below.
const theGate = "tollgate {\nroute GET /a\n}\n"

// sites are Caddyfiles in which GATE is a gate of three lines. An error or a warning is what must be said, by its words, with
// the line in front; both are empty where nothing must be.
var sites = map[string]struct {
	caddyfile string
	err       []string
	warns     []string
}{
	// Errors.
	"proxy before the gate":            {":8080 {\nroute {\nreverse_proxy localhost:9000\nGATE}\n}\n", []string{"4: reverse_proxy stands before this gate and answers every request unchecked"}, nil},
	"proxy before it, in the sites":    {"{\norder reverse_proxy before tollgate\n}\n:8080 {\nGATEreverse_proxy localhost:9000\n}\n", []string{"5: reverse_proxy stands before this gate and answers every request unchecked"}, nil},
	"respond before the gate":          {":8080 {\nroute {\nrespond ok\nGATE}\n}\n", []string{"4: respond stands before this gate"}, nil},
	"file_server before the gate":      {":8080 {\nroute {\nfile_server\nGATE}\n}\n", []string{"4: file_server stands before this gate"}, nil},
	"a matcher for every path":         {":8080 {\nroute {\nreverse_proxy /* localhost:9000\nGATE}\n}\n", []string{"4: reverse_proxy stands before this gate"}, nil},
	"a handle before the gate":         {":8080 {\nroute {\nhandle {\nreverse_proxy localhost:9000\n}\nGATE}\n}\n", []string{"6: reverse_proxy stands before this gate"}, nil},
	"a handle for all before its own":  {":8080 {\nroute {\nhandle {\nreverse_proxy localhost:9000\n}\nhandle /api/* {\nGATE}\n}\n}\n", []string{"7: reverse_proxy stands before this gate"}, nil},
	"all cases before the gate":        {":8080 {\nroute {\nhandle /x {\nreverse_proxy localhost:9000\n}\nhandle {\nreverse_proxy localhost:9001\n}\nGATE}\n}\n", []string{"9: reverse_proxy stands before this gate"}, nil},
	"a named route before the gate":    {"&(backend) {\nreverse_proxy localhost:9000\n}\n:8080 {\nroute {\ninvoke backend\nGATE}\n}\n", []string{"7: reverse_proxy stands before this gate"}, nil},
	"a proxy before an invoked gate":   {"&(shared) {\nroute {\nGATE}\n}\n:8080 {\nhandle {\nvars a b\n}\nroute {\nreverse_proxy localhost:9000\ninvoke shared\n}\n}\n", []string{"3: reverse_proxy stands before this gate"}, nil},
	"a proxy that answers its errors":  {":8080 {\nroute {\nreverse_proxy localhost:9000 {\n@err status 5xx\nhandle_response @err {\nrespond sorry 502\n}\n}\nGATE}\n}\n", []string{"9: reverse_proxy stands before this gate"}, nil},
	"two gates":                        {":8080 {\nroute {\nGATEGATEreverse_proxy localhost:9000\n}\n}\n", []string{"6: this gate stands behind the one at Caddyfile:3 in the same chain"}, nil},
	"two gates, the second for some":   {":8080 {\nGATEroute /b/* {\nGATE}\nreverse_proxy localhost:9000\n}\n", []string{"6: this gate stands behind the one at Caddyfile:2"}, nil},
	"two gates, the first for some":    {":8080 {\nroute {\nroute /b/* {\nGATE}\nGATEreverse_proxy localhost:9000\n}\n}\n", []string{"8: this gate stands behind the one at Caddyfile:4"}, nil},
	"a gate behind one that answers":   {":8080 {\nroute {\nGATEreverse_proxy localhost:9000\nGATE}\n}\n", []string{"7: this gate stands behind the one at Caddyfile:3"}, nil},
	"a gate in a gate's named route":   {"&(shared) {\nroute {\nGATE}\n}\n:8080 {\nGATEinvoke shared\n}\n", []string{"3: this gate stands behind the one at Caddyfile:9"}, nil},
	"two handles that Caddy makes one": {":8080 {\nroute {\nhandle {\nGATE}\nhandle {\nGATE}\n}\n}\n", []string{"9: this gate stands behind the one at Caddyfile:4"}, nil},
	"tollgate_keys alone":              {":8080 {\ntollgate_keys /keys\n}\n", []string{"2: tollgate_keys stands behind no gate"}, nil},
	"tollgate_keys before the gate":    {":8080 {\nroute {\ntollgate_keys /keys\nGATE}\n}\n", []string{"3: tollgate_keys stands behind no gate"}, nil},
	"tollgate_keys in another handle":  {":8080 {\nhandle /api/* {\nGATE}\nhandle {\ntollgate_keys /keys\n}\n}\n", []string{"8: tollgate_keys stands behind no gate"}, nil},
	"tollgate_keys in another site":    {"http://a.example.com:8080 {\nGATE}\nhttp://b.example.com:8080 {\ntollgate_keys /keys\n}\n", []string{"7: tollgate_keys stands behind no gate"}, nil},
	"all that is wrong at once":        {":8080 {\nroute {\ntollgate_keys /keys\nrespond ok\nGATE}\n}\n", []string{"3: tollgate_keys stands behind no gate", "5: respond stands before this gate"}, nil},

	// Warnings.
	"a proxy with a matcher":      {":8080 {\nroute {\nreverse_proxy /open/* localhost:9000\nGATErespond ok\n}\n}\n", nil, []string{"4: reverse_proxy stands before this gate and answers unchecked what its matcher takes"}},
	"respond with a matcher":      {":8080 {\nroute {\nrespond /health ok\nGATErespond ok\n}\n}\n", nil, []string{"4: respond stands before this gate and answers unchecked"}},
	"a proxy in a route with one": {":8080 {\nroute {\nroute /open/* {\nrewrite * /x\nreverse_proxy localhost:9000\n}\nGATE}\n}\n", nil, []string{"7: reverse_proxy stands before this gate and answers unchecked"}},
	"some of the cases":           {":8080 {\nroute {\nhandle /open/* {\nreverse_proxy localhost:9000\n}\nhandle {\nvars a b\n}\nGATE}\n}\n", nil, []string{"9: reverse_proxy stands before this gate and answers unchecked"}},
	"a redirect of everything":    {":8080 {\nredir https://example.com{uri}\nGATE}\n", nil, []string{"3: redir 302 stands before this gate and answers every request: none comes to the gate"}},
	"maintenance":                 {":8080 {\nroute {\nrespond down 503\nGATE}\n}\n", nil, []string{"4: respond 503 stands before this gate and answers every request: none comes"}},
	"public for everything":       {":8080 {\ntollgate {\npublic GET,POST /*\n}\n}\n", nil, []string{"3: public GET,POST /* lets through unchecked whatever has no route of its own"}},
	"a cost above some plans":     {"{\ntollgate {\nplan small 5/1m 100/1h\nplan large 50/1h\n}\n}\n:8080 {\ntollgate {\nroute GET /a {\ncost 60\n}\n}\n}\n", nil, []string{"9: route /a: cost 60 is above the limit of some plans, whose workspaces are refused with 403: large (50), small (5)"}},
	"leftmost address":            {"{\nservers {\ntrusted_proxies static 10.0.0.0/8\n}\n}\n:8080 {\nGATE}\n", nil, []string{"trusted_proxies without trusted_proxies_strict"}},

	// Neither.
	"a site":                           {":8080 {\nencode\nlog\nheader X-A b\nrequest_body {\nmax_size 1MB\n}\nrewrite /old /a\nbasic_auth /admin {\nann $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\nGATEreverse_proxy localhost:9000\n}\n", nil, nil},
	"forward_auth":                     {":8080 {\nforward_auth localhost:9001 {\nuri /auth\n}\nGATEreverse_proxy localhost:9000\n}\n", nil, nil},
	"disjoint handles":                 {":8080 {\nhandle /a/* {\nGATEreverse_proxy localhost:9000\n}\nhandle /b/* {\nGATEreverse_proxy localhost:9000\n}\nhandle /open/* {\nreverse_proxy localhost:9000\n}\nhandle {\nGATE}\n}\n", nil, nil},
	"disjoint handles in order":        {":8080 {\nroute {\nhandle /open/* {\nreverse_proxy localhost:9000\n}\nhandle {\nGATE}\n}\n}\n", nil, nil},
	"handle_path":                      {":8080 {\nhandle_path /a/* {\nGATEreverse_proxy localhost:9000\n}\nhandle_path /b/* {\nGATEfile_server\n}\nhandle {\nrespond 404\n}\n}\n", nil, nil},
	"routes that answer all they take": {":8080 {\nroute /a/* {\nGATEreverse_proxy localhost:9000\n}\nroute /b/* {\nGATEhandle /b/x {\nrespond x\n}\nhandle {\nreverse_proxy localhost:9000\n}\n}\nroute /c/* {\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"sites of one port":                {"http://a.example.com:8080 {\nreverse_proxy localhost:9000\n}\nhttp://b.example.com:8080 {\nGATEreverse_proxy localhost:9000\n}\nhttp://*.example.com:8080 {\nrespond ok\n}\nhttp://:8080 {\nGATE}\n", nil, nil},
	"a named route for many":           {"&(shared) {\nroute {\nGATEreverse_proxy localhost:9000\n}\n}\nhttp://a.example.com:8080 {\nhandle /x/* {\ninvoke shared\n}\nhandle {\nrespond ok\n}\n}\nhttp://b.example.com:8080 {\ninvoke shared\n}\n", nil, nil},
	"preflights answered before it":    {":8080 {\n@preflight {\nmethod OPTIONS\nheader Origin *\n}\nroute {\nheader Access-Control-Allow-Origin *\nrespond @preflight 204\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"preflights for the backend":       {":8080 {\n@options method OPTIONS\nroute {\nreverse_proxy @options localhost:9000\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"what is refused or moved":         {":8080 {\nredir /old /new\n@bots header User-Agent *bot*\nroute {\nabort @bots\nerror /secret 403\nrespond /gone 410\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"tollgate_keys behind the gate":    {":8080 {\nGATEtollgate_keys /keys\nreverse_proxy localhost:9000\n}\n", nil, nil},
	"tollgate_keys in a handle behind": {":8080 {\nGATEhandle /keys* {\ntollgate_keys /keys\n}\nhandle {\nreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"behind a gate of some":            {":8080 {\nroute {\nroute /keys* {\nGATE}\ntollgate_keys /keys\n}\n}\n", nil, nil},
	"gates before nothing":             {":8080 {\nhandle /me {\nGATE}\nhandle /keys* {\nGATEtollgate_keys /keys\n}\nroute /api/* {\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"cases that exclude a later gate":  {":8080 {\nhandle /api/* {\nvars a b\n}\nhandle {\nGATE}\nroute /api/* {\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"what has a matcher of its own":    {":8080 {\nhandle /open/* {\nreverse_proxy localhost:9000\n}\nroute /api/* {\nGATEreverse_proxy localhost:9000\n}\n}\n", nil, nil},
	"no gate":                          {":8080 {\nreverse_proxy localhost:9000\n}\n", nil, nil},
	"early hints":                      {":8080 {\nroute {\nrespond 103\nGATE}\n}\n", nil, nil},
	"public OPTIONS for everything":    {":8080 {\ntollgate {\npublic OPTIONS /*\nroute GET /a\n}\n}\n", nil, nil},
	"public below a path":              {":8080 {\ntollgate {\npublic GET /static/*\nroute GET /*\n}\n}\n", nil, nil},
	"addresses from the right":         {"{\nservers {\ntrusted_proxies static 10.0.0.0/8\ntrusted_proxies_strict\n}\n}\n:8080 {\nGATE}\n", nil, nil},
}

// TestWhatStandsAroundAGateIsSaidAtLoad: by validate, which loads as run does. The static reading of the whole configuration
// says the same as the reading of a server that is half made.
func TestWhatStandsAroundAGateIsSaidAtLoad(t *testing.T) {
	withStore(t)
	for name, c := range sites {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(c.caddyfile, "GATE", theGate)
			document, err := harness.Adapt(text, "Caddyfile")
			require.NoError(t, err)
			requireSaid(t, document, c.err, c.warns, "Caddyfile:", 2)
			requireSaid(t, withoutSources(t, document), withoutLines(c.err), withoutLines(c.warns), "", 1)
		})
	}
}

// requireSaid validates a configuration, more than once: the order in which Caddy loads apps is another each time.
func requireSaid(t *testing.T, document []byte, wrong, warns []string, file string, times int) {
	t.Helper()
	for range times {
		said, err := harness.ValidateJSON(t, document)
		if len(wrong) == 0 {
			require.NoError(t, err)
		}
		for _, want := range wrong {
			require.ErrorContains(t, err, file+want)
		}
		if err != nil {
			require.Equal(t, len(wrong), strings.Count(err.Error(), " stands be"), "nothing else: %v", err)
		}
		require.Len(t, said, len(warns), said)
		for n, want := range warns {
			require.Contains(t, said[n], want)
		}
	}
	var config struct{ Apps map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(document, &config))
	servers, err := site.Servers(config.Apps["http"])
	require.NoError(t, err)
	fatal := 0
	for _, s := range servers {
		findings, err := s.Findings()
		require.NoError(t, err)
		for _, f := range findings {
			if f.Fatal {
				fatal++
				require.True(t, slices.ContainsFunc(wrong, func(want string) bool { return strings.Contains(f.Text, want) }), f.Text)
			}
		}
	}
	require.Equal(t, len(wrong), fatal)
}

// withoutSources is the configuration as somebody writes it in JSON, who knows of no lines.
func withoutSources(t *testing.T, document []byte) []byte {
	t.Helper()
	var config any
	require.NoError(t, json.Unmarshal(document, &config))
	var strip func(any)
	strip = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if source, ok := v["source"].(string); ok && strings.HasPrefix(source, "Caddyfile:") {
				delete(v, "source")
			}
			for _, inner := range v {
				strip(inner)
			}
		case []any:
			for _, inner := range v {
				strip(inner)
			}
		}
	}
	strip(config)
	plain, err := json.Marshal(config)
	require.NoError(t, err)
	return plain
}

func withoutLines(texts []string) (plain []string) {
	for _, text := range texts {
		_, rest, found := strings.Cut(text, ": ")
		if !found {
			rest = text
		}
		rest, _, _ = strings.Cut(rest, " the one at")
		plain = append(plain, rest)
	}
	return plain
}

// TestTerminalRoutes are what only JSON has besides the routes of sites.
func TestTerminalRoutes(t *testing.T) {
	withStore(t)
	const document = `{"apps": {"http": {"servers": {"web": {"listen": [":8080"], "routes": [%s]}}}}}`
	const proxy, gate = `{"handler": "reverse_proxy", "upstreams": [{"dial": "localhost:9000"}]}`, `{"handler": "tollgate", "routes": [{"methods": ["GET"], "path": "/a"}]}`
	const before = "server web, tollgate of :8080: reverse_proxy stands before this gate and answers every request unchecked"
	for name, c := range map[string]struct{ routes, err, warns string }{
		"a route that takes all":          {`{"handle": [PROXY], "terminal": true}, {"handle": [GATE]}`, before, ""},
		"one handler after the other":     {`{"handle": [PROXY, GATE]}`, before, ""},
		"a route of its own":              {`{"handle": [PROXY]}, {"handle": [GATE]}`, before, ""},
		"routes within it":                {`{"handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "subroute", "routes": [{"handle": [PROXY]}]}]}]}]}, {"handle": [GATE]}`, before, ""},
		"an empty set of matchers is all": {`{"match": [{"path": ["/x"]}, {}], "handle": [PROXY], "terminal": true}, {"handle": [GATE]}`, before, ""},
		"every path is all":               {`{"match": [{"path": ["*"]}], "handle": [PROXY]}, {"handle": [GATE]}`, before, ""},
		"two gates":                       {`{"handle": [GATE, GATE]}`, "server web, tollgate of :8080: this gate stands behind the one at server web, tollgate of :8080 in the same chain", ""},
		"a route that takes some":         {`{"match": [{"path": ["/x"]}], "handle": [PROXY]}, {"handle": [GATE]}`, "", "reverse_proxy stands before this gate and answers unchecked"},
		"an answer of its own":            {`{"match": [{"path": ["/x"]}], "handle": [PROXY], "terminal": true}, {"handle": [GATE]}`, "", ""},
		"one of a group":                  {`{"group": "g", "match": [{"path": ["/x"]}], "handle": [PROXY]}, {"group": "g", "handle": [GATE]}`, "", ""},
		"preflights":                      {`{"match": [{"method": ["OPTIONS"], "header": {"Origin": ["*"]}}], "handle": [{"handler": "static_response", "status_code": 204}]}, {"handle": [GATE]}`, "", ""},
		"more than preflights":            {`{"match": [{"method": ["OPTIONS", "GET"]}], "handle": [PROXY]}, {"handle": [GATE]}`, "", "reverse_proxy stands before this gate and answers unchecked"},
		"a refusal":                       {`{"match": [{"path": ["/x"]}], "handle": [{"handler": "static_response", "status_code": 403}]}, {"match": [{"path": ["/y"]}], "handle": [{"handler": "static_response", "abort": true}]}, {"handle": [GATE]}`, "", ""},
		"files that hand on":              {`{"handle": [{"handler": "file_server", "pass_thru": true}]}, {"handle": [GATE]}`, "", ""},
		"another site":                    {`{"match": [{"host": ["a.example.com"]}], "handle": [PROXY], "terminal": true}, {"match": [{"host": ["b.example.com"]}], "handle": [GATE], "terminal": true}`, "", ""},
		"a matcher that is unknown here":  {`{"match": [{"expression": "{http.request.uri.query.a} == '1'"}], "handle": [PROXY]}, {"handle": [GATE]}`, "", "reverse_proxy stands before this gate and answers unchecked"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := harness.ValidateJSON(t, fmt.Appendf(nil, document, strings.NewReplacer("PROXY", proxy, "GATE", gate).Replace(c.routes)))
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			require.Len(t, said, len(strings.Fields(c.warns[:min(len(c.warns), 1)])), said)
			require.Contains(t, strings.Join(said, ""), c.warns)
		})
	}
}

// TestShippedCaddyfilesAreNotWarnedOf, those of the examples neither.
func TestShippedCaddyfilesAreNotWarnedOf(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/Caddyfile")
	require.NoError(t, err)
	for _, file := range append(files, "../../Caddyfile") {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			path, err := filepath.Abs(file)
			require.NoError(t, err)
			said, err := harness.Validate(t, string(text), path)
			require.NoError(t, err)
			if strings.Contains(string(text), "keys postgres") {
				require.Empty(t, said, "validate asks no server for its tables")
				return
			}
			require.Len(t, said, 1, said)
			require.Contains(t, said[0], "the key store does not exist: run makes an empty one", "which it does, at first")
		})
	}
}

// withStore makes the default store, whose absence is warned of.
func withStore(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "caddy"), 0o700))
	store := sqlite.New(filepath.Join(dir, "caddy", "tollgate.db"), sqlite.Options{Create: true})
	require.NoError(t, store.CreateWorkspace(t.Context(), keystore.Act{By: "test", Action: "test"}, &record.Workspace{ID: "ws", Plan: "pro"}))
	require.NoError(t, store.Close())
}
