package gateway_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

var update = flag.Bool("update", false, "write the golden files anew")

// divider stands between a Caddyfile and its JSON in a golden file.
const divider = "----------\n"

// TestCaddyfileGoldens adapts every Caddyfile in testdata/caddyfile, as if it lay in /etc/caddy, and compares the JSON.
func TestCaddyfileGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/caddyfile/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			golden, err := os.ReadFile(file)
			require.NoError(t, err)
			text, want, _ := strings.Cut(string(golden), divider)
			adapted, err := harness.Adapt(text, "/etc/caddy/Caddyfile")
			require.NoError(t, err)
			var got bytes.Buffer
			require.NoError(t, json.Indent(&got, adapted, "", "\t"))
			got.WriteByte('\n')
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text+divider+got.String()), 0o600))
				return
			}
			require.Equal(t, want, got.String())
		})
	}
}

// mistake is a Caddyfile with something wrong, and what the error must say of it.
type mistake struct{ text, want string }

// TestCaddyfileMistakes: whatever is wrong is refused when the Caddyfile is read, with file, line and what to do.
func TestCaddyfileMistakes(t *testing.T) {
	for name, m := range mistakes {
		t.Run("refuses/"+name, func(t *testing.T) {
			_, err := harness.Adapt(m.text, "/etc/caddy/Caddyfile")
			require.ErrorContains(t, err, m.want)
			require.ErrorContains(t, err, "/etc/caddy/Caddyfile:", "the error names file and line")
		})
	}
}

// option is a global block with one line, which is line 3.
func option(line string) string { return "{\n\ttollgate {\n\t\t" + line + "\n\t}\n}\n" }

// plan is a plan with a line in its block, which is line 4.
func plan(line string) string { return option("plan pro 60/1m {\n\t\t\t" + line + "\n\t\t}") }

// gate is a site's block with one line, which is line 3.
func gate(line string) string { return ":8080 {\n\ttollgate {\n\t\t" + line + "\n\t}\n}\n" }

var mistakes = map[string]mistake{
	"route for any method":        {gate("route ANY /x"), `Caddyfile:3: reading route "/x": "ANY" is not a method, and there is no word for all of them: list those`},
	"public for any method":       {gate("public * /x"), "list those that the route takes, such as GET,POST"},
	"unknown option":              {option("limitz 3"), "unknown option 'limitz'"},
	"arguments of the block":      {"{\n\ttollgate x {\n\t}\n}\n", "wrong argument count"},
	"second global block":         {"{\n\ttollgate {\n\t}\n\ttollgate {\n\t}\n}\n", "only once"},
	"option twice":                {option("stale_keys 5m\n\t\tstale_keys 6m"), "Caddyfile:4"},
	"usage of nothing":            {option("usage"), "usage: write off, a database such as sqlite usage.db, or a block"},
	"usage off with more":         {option("usage off 3"), "'3' stands behind off"},
	"usage off with a block":      {option("usage off {\n\t\t\tkeep 9d\n\t\t}"), "'keep' stands behind off"},
	"usage in a keys file":        {option("usage file keys.yaml"), "unknown store of usage 'file': write off, sqlite <path> or postgres <address>"},
	"usage in two databases":      {option("usage sqlite a.db b.db"), "such as: usage sqlite tollgate.db"},
	"usage kept for no time":      {option("usage {\n\t\t\tkeep 0d\n\t\t}"), "keep: '0d' is not a time: write days or months above 0"},
	"usage kept for hours":        {option("usage {\n\t\t\tkeep 36h\n\t\t}"), "'36h' is not a time"},
	"usage kept longer than days": {option("usage {\n\t\t\tkeep 90d\n\t\t\tdays 1mo\n\t\t}"), "keep is 90d and days 31d"},
	"usage kept twice":            {option("usage {\n\t\t\tkeep 9d\n\t\t\tkeep 8d\n\t\t}"), "'keep' is given twice"},
	"usage with another word":     {option("usage {\n\t\t\tdayz 9d\n\t\t}"), "unknown option 'dayz': write keep or days"},
	"no key store":                {option("keys"), "Caddyfile:3"},
	"unknown key store":           {option("keys etcd host"), "unknown key store 'etcd': write one of"},
	"keys file without a path":    {option("keys file"), "write the path"},
	"keys file with too much":     {option("keys file a b"), "write the path"},
	"keys file with a block":      {option("keys file a {\n\t\t\tx\n\t\t}"), "unknown option 'x'"},
	"unknown counters":            {option("counters etcd"), "unknown counter engine 'etcd'"},
	"counters with too much":      {option("counters memory 3"), "wrong argument count"},
	"counters with a block":       {option("counters memory {\n\t\t\tx\n\t\t}"), "unknown option 'x'"},
	"sqlite with too much":        {option("keys sqlite a b"), "write the path of one database"},
	"sqlite with a block":         {option("keys sqlite a {\n\t\t\tx\n\t\t}"), "unknown option 'x'"},
	"postgres without an address": {option("keys postgres"), "write one address"},
	"postgres address":            {option("keys postgres postgres://user:pa%zzword@host/db"), "cannot be read"},
	"postgres with a block":       {option("keys postgres {env.DSN} {\n\t\t\tx\n\t\t}"), "unknown option 'x'"},
	"counters max_workspaces":     {option("counters memory {\n\t\t\tmax_workspaces 0\n\t\t}"), "counters: max_workspaces: '0' is not a whole number from 1 to 100000000, at /etc/caddy/Caddyfile:4"},
	"counters option twice":       {option("counters memory {\n\t\t\tmax_workspaces 1\n\t\t\tmax_workspaces 2\n\t\t}"), "given twice"},
	"redis max_workspaces":        {option("counters redis redis://localhost {\n\t\t\tmax_workspaces many\n\t\t}"), "max_workspaces: 'many' is not a whole number"},
	"redis without a URL":         {option("counters redis"), "write one URL"},
	"redis other scheme":          {option("counters redis http://localhost"), "redis:// or rediss://"},
	"redis pool_size":             {option("counters redis redis://localhost?pool_size=65"), "pool_size of the Redis URL is not valid: write a whole number from 1 to 64, at /etc/caddy/Caddyfile:3"},
	"redis without a host":        {option("counters redis redis://"), "names no host"},
	"redis unknown option":        {option("counters redis redis://localhost {\n\t\t\tx 1\n\t\t}"), "unknown option 'x'"},
	"redis option twice":          {option("counters redis redis://localhost {\n\t\t\tprefix a\n\t\t\tprefix b\n\t\t}"), "Caddyfile:5"},
	"redis on_outage":             {option("counters redis redis://localhost {\n\t\t\ton_outage maybe\n\t\t}"), "write local, allow or refuse"},
	"redis timeout":               {option("counters redis redis://localhost {\n\t\t\ttimeout 1h\n\t\t}"), "1ms to 10s"},
	"redis timeout 0":             {option("counters redis redis://localhost {\n\t\t\ttimeout 0\n\t\t}"), "1ms to 10s"},
	"redis prefix":                {option("counters redis redis://localhost {\n\t\t\tprefix {a}\n\t\t}"), "prefix"},
	"redis expected_gateways":     {option("counters redis redis://localhost {\n\t\t\texpected_gateways 0\n\t\t}"), "'0' is not a whole number of at least 1"},
	"policies without a path":     {option("policies"), "Caddyfile:3"},
	"secrets without a folder":    {option("secrets"), "Caddyfile:3"},
	"stale_keys without unit":     {option("stale_keys 5"), `duration "5" is not valid`},
	"known_keys without number":   {option("known_keys"), "wrong argument count"},
	"known_keys that is a word":   {option("known_keys many"), `"many" is not a whole number above 0`},
	"known_keys of none":          {option("known_keys 0"), `"0" is not a whole number above 0`},
	"known_keys twice":            {option("known_keys 1\n\t\tknown_keys 2"), "Caddyfile:4"},
	"stale_keys negative":         {option("stale_keys -5m"), `duration "-5m" is not valid`},
	"E14/plan without windows":    {option("plan pro"), "write a name and one or more windows"},
	"E14, E15/plan limit 0":       {option("plan pro 0/1m"), "the limit must be from 1"},
	"E14/plan limit -1":           {option("plan pro -1/1m"), "the limit must be from 1"},
	"plan without unit":           {option("plan pro 60/1"), `duration "1" is not valid`},
	"plan unknown unit":           {option("plan pro 60/1w"), `duration "1w" is not valid`},
	"plan window too short":       {option("plan pro 60/500ms"), "1s to 366d"},
	"plan window too long":        {option("plan pro 60/367d"), "1s to 366d"},
	"plan window twice":           {option("plan pro 60/1m 90/60s"), "have the same duration"},
	"plan name":                   {option("plan -pro 60/1m"), `id "-pro" is not valid`},
	"plan twice":                  {option("plan pro 60/1m\n\t\tplan pro 70/1m"), "Caddyfile:4"},
	"plan and denied":             {option("plan pro 60/1m\n\t\tdenied pro"), "is given twice"},
	"concurrent 0":                {plan("concurrent 0"), "concurrent: '0' is not a whole number from 1 to 1000000, such as 20, at /etc/caddy/Caddyfile:4"},
	"concurrent negative":         {plan("concurrent -1"), "concurrent: '-1' is not a whole number from 1 to 1000000"},
	"concurrent a word":           {plan("concurrent many"), "'many' is not a whole number from 1 to 1000000, such as 20, at /etc/caddy/Caddyfile:4"},
	"concurrent a fraction":       {plan("concurrent 1.5"), "'1.5' is not a whole number from 1"},
	"concurrent too large":        {plan("concurrent 1000001"), "'1000001' is not a whole number from 1 to 1000000"},
	"concurrent a window":         {plan("concurrent 20/1m"), "'20/1m' is not a whole number from 1"},
	"concurrent twice":            {plan("concurrent 2\n\t\t\tconcurrent 3"), "'concurrent' is given twice: keep one of them, at /etc/caddy/Caddyfile:5"},
	"concurrent without a number": {plan("concurrent"), "concurrent: write one value, such as concurrent 20, at /etc/caddy/Caddyfile:4"},
	"concurrent with too much":    {plan("concurrent 2 3"), "concurrent: write one value, such as concurrent 20"},
	"plan with another word":      {plan("parallel 3"), "unknown option 'parallel': write quota, over, warn or concurrent, at /etc/caddy/Caddyfile:4"},
	"denied with a block":         {option("denied trial {\n\t\t\tconcurrent 3\n\t\t}"), "unknown option '{'"},
	"denied without names":        {option("denied"), "one or more plan names"},
	"policy_timeout 0":            {option("policy_timeout 0"), "above 0"},
	"auth_throttle":               {option("auth_throttle 30"), "has no '/'"},
	"auth_throttle with too much": {option("auth_throttle 30/1m 3"), "wrong argument count"},
	"refusal_throttle":            {option("refusal_throttle no"), "has no '/'"},
	"key_prefix":                  {option("key_prefix t_g"), `key prefix "t_g" is not valid`},

	"matcher":                    {":8080 {\n\ttollgate /api/* {\n\t}\n}\n", "takes no matcher"},
	"named matcher":              {":8080 {\n\t@x path /x\n\ttollgate @x {\n\t}\n}\n", "takes no matcher: put it inside 'handle @x { … }'"},
	"argument":                   {":8080 {\n\ttollgate api {\n\t}\n}\n", "takes no arguments: remove 'api'"},
	"space after a comma":        {gate("route GET, POST /x"), "no space after the comma"},
	"space after public's comma": {gate("public GET, /x"), "no space after the comma"},
	"path before methods":        {gate("route /v1/orders orders.read"), "the method comes first, such as: GET /v1/orders"},
	"scopes with a comma":        {gate("route GET /v1/orders orders.read,orders.list"), "separate scopes with spaces"},
	"unknown gate option":        {gate("routes GET /a"), "unknown option 'routes'"},
	"public without path":        {gate("public GET"), "write methods and a path"},
	"public with scopes":         {gate("public GET /a agent.read"), "write methods and a path"},
	"route without path":         {gate("route GET"), "write methods, a path"},
	"route no method at all":     {gate("route GE?T /a"), "GE?T"},
	"route lower-case method":    {gate("route get /a"), "get"},
	"route TRACE":                {gate("route TRACE /a"), "TRACE"},
	"route CONNECT":              {gate("route CONNECT /a"), "CONNECT"},
	"route method twice":         {gate("route GET,GET /a"), "GET"},
	"route braces":               {gate("route GET /a/{id}"), ":name"},
	"route shorthand braces":     {gate("route GET /a/{path}"), ":name"},
	"route without slash":        {gate("route GET a"), "Caddyfile:3"},
	"route star in the middle":   {gate("route GET /a/*/b"), "*"},
	"route parameter twice":      {gate("route GET /:a/:a"), ":a"},
	"route not canonical":        {gate("route GET /a//b"), "Caddyfile:3"},
	"route twice":                {gate("route GET /a\n\t\troute GET /a x.read"), "Caddyfile:4"},
	"route same precision":       {gate("route GET /:a\n\t\troute GET /:b"), "Caddyfile:4"},
	"route scope":                {gate("route GET /a agent..read"), "a scope is empty"},
	"route scope wildcard":       {gate("route GET /a agent.*"), "*"},
	"route scope star inside":    {gate("route GET /a agent.*.read"), "*"},
	"route scope parameter":      {gate("route GET /a konecty.:document.read"), ":document"},
	"route unknown option":       {gate("route GET /a {\n\t\t\tprice 3\n\t\t}"), "unknown option 'price'"},
	"route cost 0":               {gate("route GET /a {\n\t\t\tcost 0\n\t\t}"), "cost '0'"},
	"route cost twice":           {gate("route GET /a {\n\t\t\tcost 2\n\t\t\tcost 3\n\t\t}"), "Caddyfile:5"},
	"route body size":            {gate("route POST /a {\n\t\t\tbody big\n\t\t}"), "size 'big' is not valid"},
	"route body 0":               {gate("route POST /a {\n\t\t\tbody 0\n\t\t}"), "from 1B to 1GiB"},
	"route deprecated twice":     {gate("route GET /a {\n\t\t\tdeprecated 2026-12-01\n\t\t\tdeprecated 2026-12-01\n\t\t}"), "Caddyfile:5"},
	"route deprecated when":      {gate("route GET /a {\n\t\t\tdeprecated soon\n\t\t}"), "date 'soon' is not valid: write a day"},
	"route deprecated alone":     {gate("route GET /a {\n\t\t\tdeprecated\n\t\t}"), "Caddyfile:4"},
	"route deprecated by day 31": {gate("route GET /a {\n\t\t\tdeprecated 2026-11-31\n\t\t}"), "date '2026-11-31' is not valid"},
	"route deprecated long ago":  {gate("route GET /a {\n\t\t\tdeprecated 0206-12-01\n\t\t}"), "is before the year 2000"},
	"route sunset too early":     {gate("route GET /a {\n\t\t\tdeprecated 2026-12-01\n\t\t\tsunset 2026-11-30\n\t\t}"), "sunset 2026-11-30 is before deprecated 2026-12-01"},
	"route link by http":         {gate("route GET /a {\n\t\t\tdeprecated 2026-12-01\n\t\t\tlink http://example.com/\n\t\t}"), "is not an https address"},
	"route link with a quote":    {gate("route GET /a {\n\t\t\tdeprecated 2026-12-01\n\t\t\tlink https://example.com/>;rel=\"next\"\n\t\t}"), "is not an https address"},
	"route link with a password": {gate("route GET /a {\n\t\t\tdeprecated 2026-12-01\n\t\t\tlink https://u:p@example.com/\n\t\t}"), "is not an https address"},
	"route link alone":           {gate("route GET /a {\n\t\t\tlink https://example.com/\n\t\t}"), "write deprecated or sunset beside it"},
	"public limit 0":             {gate("public GET /a {\n\t\t\tlimit 0/1m\n\t\t}"), "the limit must be from 1"},
	"public limit negative":      {gate("public GET /a {\n\t\t\tlimit -1/1m\n\t\t}"), "the limit must be from 1"},
	"public limit alone":         {gate("public GET /a {\n\t\t\tlimit\n\t\t}"), "limit: write one window, such as: limit 60/1m, at /etc/caddy/Caddyfile:4"},
	"public limit of a number":   {gate("public GET /a {\n\t\t\tlimit 60\n\t\t}"), `limit: window "60" has no '/'`},
	"public limit of a month":    {gate("public GET /a {\n\t\t\tlimit 60/month\n\t\t}"), "Caddyfile:4"},
	"public limits":              {gate("public GET /a {\n\t\t\tlimit 60/1m 90/1h\n\t\t}"), "limit: write one window, such as: limit 60/1m, at /etc/caddy/Caddyfile:4"},
	"public limit twice":         {gate("public GET /a {\n\t\t\tlimit 60/1m\n\t\t\tlimit 90/1h\n\t\t}"), "'limit' is given twice: keep one of them, at /etc/caddy/Caddyfile:5"},
	"public limit without unit":  {gate("public GET /a {\n\t\t\tlimit 60/1\n\t\t}"), `duration "1" is not valid`},
	"route with a limit":         {gate("route GET /a {\n\t\t\tlimit 60/1m\n\t\t}"), `Caddyfile:3: reading route "/a": a limit by client address is for public routes`},
	"public with a cost":         {gate("public GET /a {\n\t\t\tcost 2\n\t\t}"), "a public route spends nothing"},
	"identity_headers":           {gate("identity_headers Tollgate"), "ends with '-'"},
	"identity_headers twice":     {gate("identity_headers off\n\t\tidentity_headers off"), "given twice"},
	"inject without a value":     {gate("inject Authorization"), "write a header and its value"},
	"inject no header name":      {gate("inject \"a b\" c"), "is not a header that can be set"},
	"inject Connection":          {gate("inject Connection close"), "is not a header that can be set"},
	"inject empty value":         {gate("inject X-A \"\""), "is empty"},
	"inject twice":               {gate("inject X-A one\n\t\tinject x_a two"), "given twice"},
	"inject unknown name":        {gate("inject X-A {tollgate.secrets.token}"), "is not a placeholder"},
	"inject path as a secret":    {gate("inject X-A {tollgate.secret.../ws_b/token}"), "is not a placeholder"},
	"inject without brace":       {gate("inject X-A \"{tollgate.secret.token\""), "closing brace"},
	"inject an identity":         {gate("inject X-Tollgate-Workspace x"), "is not a header that can be set"},
	"inject own identity":        {gate("identity_headers X-Acme-\n\t\tinject X-Acme-Key x"), "is not a header that can be set"},
	"inject X-Request-Id":        {gate("inject X-Request-Id x"), "is not a header that can be set"},
	"inject Content-Length":      {gate("inject Content-Length 5"), "is not a header that can be set"},
	"inject and forward":         {gate("forward_authorization\n\t\tinject Authorization x"), "drop this line or forward_authorization"},
	"identity_headers standard":  {gate("identity_headers Content-"), "begins with X-"},
	"identity_headers proxies":   {gate("identity_headers X-Forwarded-"), "begins with X-"},
	"mcp without a path":         {gate("mcp"), "write one path, such as: mcp /mcp"},
	"mcp of a pattern":           {gate("mcp /mcp/:id"), "path '/mcp/:id' is not valid"},
	"mcp unknown option":         {gate("mcp /mcp {\n\t\t\ttool GET /a\n\t\t}"), "unknown option 'tool' of mcp: write one of tools, except, name, title, instructions, max_result, cost, origins, at /etc/caddy/Caddyfile:4"},
	"mcp title twice":            {gate("mcp /mcp {\n\t\t\ttitle a\n\t\t\ttitle b\n\t\t}"), "'title' is given twice"},
	"mcp tools without methods":  {gate("mcp /mcp {\n\t\t\ttools /a /b\n\t\t}"), "the method comes first"},
	"mcp name of what is none":   {gate("mcp /mcp {\n\t\t\tname a.b GET /a\n\t\t}"), "'a.b' is not a name for a tool: write 1 to 64 letters, digits, '_' and '-'"},
	"mcp name of many":           {gate("mcp /mcp {\n\t\t\tname a GET /a/*\n\t\t}"), "a name is for one operation"},
	"mcp max_result":             {gate("mcp /mcp {\n\t\t\tmax_result 1TiB\n\t\t}"), "Caddyfile:4"},
	"mcp cost":                   {gate("mcp /mcp {\n\t\t\tcost 0\n\t\t}"), "cost '0' is not a whole number of at least 1"},
	"mcp origin with a path":     {gate("mcp /mcp {\n\t\t\torigins https://a.example/b\n\t\t}"), "'https://a.example/b' is not an origin"},
	"mcp origin with its port":   {gate("mcp /mcp {\n\t\t\torigins https://a.example:443\n\t\t}"), "with the port if it is not the scheme's own"},
	"mcp origin of letters":      {gate("mcp /mcp {\n\t\t\torigins https://münchen.example\n\t\t}"), "other letters as xn--"},
	"mcp twice":                  {gate("mcp /a\n\t\tmcp /b"), "'mcp' is given twice"},
	"openapi without a path":     {gate("openapi"), "Caddyfile:3"},
	"openapi with too much":      {gate("openapi a.yaml b.yaml"), "write the path of one document, such as: openapi ./openapi.yaml"},
	"openapi over the network":   {gate("openapi https://example.com/openapi.yaml"), "nothing is fetched over the network; write that of a file"},
	"openapi twice":              {gate("openapi a.yaml\n\t\topenapi b.yaml"), "'openapi' is given twice"},
	"openapi unknown option":     {gate("openapi a.yaml {\n\t\t\tonli GET /a\n\t\t}"), "unknown option 'onli' of openapi: write one of validate, only, except, security, scope, public, responses, at /etc/caddy/Caddyfile:4"},
	"openapi validate":           {gate("openapi a.yaml {\n\t\t\tvalidate all\n\t\t}"), "'all' is not known: write validate; validate strict_query, "},
	"openapi responses":          {gate("openapi a.yaml {\n\t\t\tresponses refuse\n\t\t}"), "write: responses log"},
	"openapi public path":        {gate("openapi a.yaml {\n\t\t\tpublic GET /a\n\t\t}"), "takes no path: it opens the operations that the document takes for public"},
	"openapi public twice":       {gate("openapi a.yaml {\n\t\t\tpublic\n\t\t\tpublic\n\t\t}"), "'public' is given twice"},
	"openapi security":           {gate("openapi a.yaml {\n\t\t\tsecurity\n\t\t}"), "write the name of a scheme"},
	"openapi scope":              {gate("openapi a.yaml {\n\t\t\tscope write:pets\n\t\t}"), "write a scope of the document and what it is called in keys, such as: scope write:pets pets.write"},
	"openapi scope of keys":      {gate("openapi a.yaml {\n\t\t\tscope write:pets write:pets\n\t\t}"), "Caddyfile:4"},
	"openapi only a path":        {gate("openapi a.yaml {\n\t\t\tonly /a\n\t\t}"), "write methods and a path, such as: GET,POST /v1/leads/:id"},
	"openapi only any method":    {gate("openapi a.yaml {\n\t\t\tonly * /a\n\t\t}"), "\"*\" is not a method of an OpenAPI document"},
	"openapi except and a space": {gate("openapi a.yaml {\n\t\t\texcept GET, /a\n\t\t}"), "no space after the comma"},
	"whoami without a path":      {gate("whoami"), "Caddyfile:3"},
	"whoami twice":               {gate("whoami /a\n\t\twhoami /b"), "given twice"},
	"bare_keys with too much":    {gate("bare_keys yes"), "wrong argument count"},
	"decisions without a word":   {gate("decisions"), "wrong argument count"},
	"decisions of no kind":       {gate("decisions none"), "'none' cannot be logged: write refusals or all"},
	"decisions with too much":    {gate("decisions all refusals"), "wrong argument count"},
	"decisions twice":            {gate("decisions all\n\t\tdecisions refusals"), "'decisions' is given twice"},
	"errors with too much":       {gate("errors all {\n\t\t}"), "'all' is not known: write errors off, or a block"},
	"errors off with too much":   {gate("errors off now"), "wrong argument count"},
	"errors off with a block":    {gate("errors off {\n\t\t\tsoft_failures\n\t\t}"), "off takes no block"},
	"errors twice":               {gate("errors off\n\t\terrors {\n\t\t\tsoft_failures\n\t\t}"), "given twice"},
	"errors unknown option":      {gate("errors {\n\t\t\tpretty\n\t\t}"), "unknown option 'pretty'"},
	"errors max_body 0":          {gate("errors {\n\t\t\tmax_body 0\n\t\t}"), "from 1B to 16MiB"},
	"errors max_body too large":  {gate("errors {\n\t\t\tmax_body 17MiB\n\t\t}"), "Caddyfile:4"},
	"errors max_body twice":      {gate("errors {\n\t\t\tmax_body 1KiB\n\t\t\tmax_body 2KiB\n\t\t}"), "given twice"},
	"classify unknown code":      {gate("errors {\n\t\t\tclassify TEAPOT x\n\t\t}"), `unknown code "TEAPOT"`},
	"classify regexp":            {gate("errors {\n\t\t\tclassify FORBIDDEN (\n\t\t}"), "classify pattern"},
	"classify unknown group":     {gate("errors {\n\t\t\tclassify FORBIDDEN (?P<name>x)\n\t\t}"), `unknown group "name"`},
	"classify a pattern only":    {gate("errors {\n\t\t\tclassify FORBIDDEN\n\t\t}"), "write a code, perhaps a status, and a regexp"},
	"classify with too much":     {gate("errors {\n\t\t\tclassify FORBIDDEN 403 a b\n\t\t}"), "write a code, perhaps a status, and a regexp"},
	"classify status":            {gate("errors {\n\t\t\tclassify FORBIDDEN 4o3 a\n\t\t}"), "'4o3' is not a status from 400 to 599"},
	"classify status 200":        {gate("errors {\n\t\t\tclassify FORBIDDEN 200 a\n\t\t}"), "'200' is not a status from 400 to 599"},
	"classify other status":      {gate("errors {\n\t\t\tclassify FORBIDDEN 404 a\n\t\t}"), "status 404 does not go with FORBIDDEN: write 402 or 403 or 451"},
	"classify regexp forgotten":  {gate("errors {\n\t\t\tclassify INTERNAL_ERROR 503\n\t\t}"), "behind the status 503 the regexp is missing"},
	"keep_errors with too much":  {gate("errors {\n\t\t\tkeep_errors all\n\t\t}"), "wrong argument count"},
	"keep_errors twice":          {gate("errors {\n\t\t\tkeep_errors\n\t\t\tkeep_errors\n\t\t}"), "given twice"},
	"message without a place":    {gate("errors {\n\t\t\tmessage\n\t\t}"), "such as: message err.text"},
	"message bad place":          {gate("errors {\n\t\t\tmessage err..text\n\t\t}"), `place "err..text" is not valid`},
	"message JSON path":          {gate("errors {\n\t\t\tmessage $.err[0]\n\t\t}"), `place "$.err[0]" is not valid`},
	"message twice":              {gate("errors {\n\t\t\tmessage a\n\t\t\tmessage b\n\t\t}"), "Caddyfile:5"},
	"fields without names":       {gate("errors {\n\t\t\tfields err.fields\n\t\t}"), "such as: fields err.fields name why"},
	"fields with too much":       {gate("errors {\n\t\t\tfields a b c d\n\t\t}"), "such as: fields err.fields name why"},
	"fields bad place":           {gate("errors {\n\t\t\tfields err.fields name .why\n\t\t}"), `place ".why" is not valid`},
	"fields twice":               {gate("errors {\n\t\t\tfields a b c\n\t\t\tfields a b c\n\t\t}"), "given twice"},
	"code with too much":         {gate("errors {\n\t\t\tcode err no\n\t\t}"), "such as: code err.no"},
	"soft_failures twice":        {gate("errors {\n\t\t\tsoft_failures\n\t\t\tsoft_failures\n\t\t}"), "given twice"},
}
