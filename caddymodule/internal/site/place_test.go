package site_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

// places reads the gates of a Caddyfile, in a line each: the name, what stands before, and what stands behind. A handler
// that a matcher may keep a request from has a question mark.
func places(t *testing.T, caddyfile string) (lines []string) {
	t.Helper()
	document, err := harness.Adapt(caddyfile, "/etc/caddy/Caddyfile")
	require.NoError(t, err)
	var config struct{ Apps map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(document, &config))
	servers, err := site.Servers(config.Apps["http"])
	require.NoError(t, err)
	for _, s := range servers {
		all, err := s.Places()
		require.NoError(t, err)
		for _, p := range all {
			lines = append(lines, p.String()+": "+steps(p.Before)+" | "+steps(p.Behind))
		}
	}
	return lines
}

func steps(list []site.Step) string {
	var names []string
	for _, step := range list {
		name := step.String()
		if step.Conditional {
			name += "?"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

const gate = "tollgate {\n\t\troute GET /a\n\t}\n"

func TestPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		caddyfile string
		want      []string
	}{
		"a site": {
			caddyfile: ":8080 {\n\tencode gzip\n\t" + gate + "\trequest_body {\n\t\tmax_size 1MB\n\t}\n\treverse_proxy localhost:9000\n}\n",
			want:      []string{":8080: request_body encode | reverse_proxy"},
		},
		"in the order of a route": {
			caddyfile: ":8080 {\n\troute {\n\t\treverse_proxy localhost:9000\n\t\t" + gate + "\t\trespond /b ok\n\t}\n}\n",
			want:      []string{":8080: reverse_proxy | respond?"},
		},
		"a matcher before": {
			caddyfile: ":8080 {\n\troute {\n\t\trespond /open/* ok\n\t\t" + gate + "\t}\n}\n",
			want:      []string{":8080: respond? | "},
		},
		"handles that exclude each other": {
			caddyfile: ":8080 {\n\thandle /a/* {\n\t\t" + gate + "\t\trespond ok\n\t}\n\thandle /b/* {\n\t\t" + gate + "\t}\n\thandle {\n\t\treverse_proxy localhost:9000\n\t}\n}\n",
			want:      []string{":8080:  | respond", ":8080:  | "},
		},
		"sites of one port": {
			caddyfile: "http://a.example.com {\n\t" + gate + "}\nhttp://b.example.com {\n\treverse_proxy localhost:9000\n}\nhttp://*.example.com {\n\t" + gate + "\trespond ok\n}\n",
			want:      []string{"a.example.com:80:  | ", "*.example.com:80:  | respond"},
		},
		"a gate in a gate, and a handler that is not known": {
			caddyfile: ":8080 {\n\troute {\n\t\t" + gate + "\t\tintercept {\n\t\t\treplace_status 200\n\t\t}\n\t\t" + gate + "\t\ttollgate_keys /keys\n\t}\n}\n",
			want:      []string{":8080:  | intercept tollgate tollgate_keys", ":8080: tollgate intercept | tollgate_keys"},
		},
		"a named route": {
			caddyfile: "&(shared) {\n\troute {\n\t\t" + gate + "\t\trespond ok\n\t}\n}\n:8080 {\n\tinvoke /x shared\n}\n",
			want:      []string{":8080:  | respond"},
		},
		"none": {caddyfile: ":8080 {\n\trespond ok\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, places(t, c.caddyfile))
		})
	}
}

func TestPlacesRefusesCircles(t *testing.T) {
	s, err := site.Servers(json.RawMessage(`{"servers": {"a": {"routes": [{"handle": [{"handler": "invoke", "name": "round"}]}],
		"named_routes": {"round": {"handle": [{"handler": "invoke", "name": "round"}]}}}}}`))
	require.NoError(t, err)
	_, err = s[0].Places()
	require.ErrorIs(t, err, site.ErrTooDeep)
}

func TestEffects(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		effect site.Effect
		word   string
	}{
		`{"handler":"static_response","status_code":"103"}`:  {site.Passes, "respond 103"},
		`{"handler":"static_response","status_code":302}`:    {site.Answers, "redir 302"},
		`{"handler":"static_response","abort":true}`:         {site.Answers, "abort"},
		`{"handler":"reverse_proxy"}`:                        {site.Answers, "reverse_proxy"},
		`{"handler":"reverse_proxy","handle_response":[{}]}`: {site.MayAnswer, "reverse_proxy (forward_auth)"},
		`{"handler":"file_server"}`:                          {site.Answers, "file_server"},
		`{"handler":"file_server","pass_thru":true}`:         {site.MayAnswer, "file_server"},
		`{"handler":"authentication"}`:                       {site.MayAnswer, "authentication (basic_auth)"},
		`{"handler":"rate_limit"}`:                           {site.Unknown, "rate_limit"},
		`{"handler":"tollgate"}`:                             {site.Gate, "tollgate"},
		`{"handler":"error","status_code":"403"}`:            {site.Answers, "error 403"},
		`{"handler":"subroute","routes":[]}`:                 {site.Nests, "subroute"},
	} {
		h, err := site.Read(json.RawMessage(raw))
		require.NoError(t, err)
		require.Equal(t, want.effect, h.Effect(), raw)
		require.Equal(t, want.word, h.String(), raw)
	}
	_, err := site.Read(json.RawMessage(`{"handler":7}`))
	require.Error(t, err)
}
