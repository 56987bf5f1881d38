package policy

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBundlesKeepToTheirRoots(t *testing.T) {
	post := []byte(refusal(`input.request.method == "POST"`))
	for name, test := range map[string]struct {
		manifest string
		files    map[string][]byte
		want     string // in the error; empty: none
	}{
		"no manifest":                  {"", map[string][]byte{"a.rego": post}, ""},
		"no roots":                     {`{"revision": "1"}`, map[string][]byte{"a.rego": post}, ""},
		"an empty root":                {`{"roots": [""]}`, map[string][]byte{"a.rego": post}, ""},
		"its package":                  {`{"roots": ["tollgate/authz"]}`, map[string][]byte{"a.rego": post}, ""},
		"above its package":            {`{"roots": ["/tollgate/"]}`, map[string][]byte{"a.rego": post}, ""},
		"beside its package":           {`{"roots": ["tollgate/auth", "team"]}`, map[string][]byte{"a.rego": post}, `b.tar.gz:a.rego:1: package tollgate.authz lies outside the roots of the bundle, ["tollgate/auth" "team"]`},
		"no root at all":               {`{"roots": []}`, map[string][]byte{"a.rego": post}, `package tollgate.authz lies outside the roots of the bundle, []`},
		"one package of two":           {`{"roots": ["tollgate"]}`, map[string][]byte{"a.rego": post, "b.rego": []byte("package team\n\na := 1\n")}, "b.tar.gz:b.rego:1: package team lies outside the roots of the bundle"},
		"tests":                        {`{"roots": ["tollgate/authz"]}`, map[string][]byte{"a.rego": post, "a_test.rego": []byte("package tollgate.authz_test\n\ntest_a if true\n")}, "b.tar.gz:a_test.rego:1: package tollgate.authz_test lies outside"},
		"data below a root":            {`{"roots": ["tollgate", "lists"]}`, map[string][]byte{"a.rego": post, "lists/data.json": []byte(`{"a": 1}`)}, ""},
		"data above and below a root":  {`{"roots": ["tollgate", "lists/a"]}`, map[string][]byte{"a.rego": post, "data.json": []byte(`{"lists": {"a": {"b": 1}}}`)}, ""},
		"data outside":                 {`{"roots": ["tollgate", "lists"]}`, map[string][]byte{"a.rego": post, "other/data.json": []byte(`{"a": 1}`)}, `b.tar.gz:other/data.json: data.other lies outside the roots of the bundle`},
		"data beside a root":           {`{"roots": ["tollgate", "lists/a"]}`, map[string][]byte{"a.rego": post, "data.json": []byte(`{"lists": {"b": 1}}`)}, `b.tar.gz:data.json: data.lists.b lies outside`},
		"data in place of a root":      {`{"roots": ["tollgate", "lists/a"]}`, map[string][]byte{"a.rego": post, "data.json": []byte(`{"lists": 1}`)}, `data.lists lies outside`},
		"a manifest that is not JSON":  {`roots`, map[string][]byte{"a.rego": post}, "b.tar.gz: reading its .manifest: invalid character"},
		"a manifest of a folder below": {"", map[string][]byte{"a.rego": post, "x/.manifest": []byte(`{"roots": []}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "b.tar.gz")
			if test.manifest != "" {
				test.files[".manifest"] = []byte(test.manifest)
			}
			write(t, path, tarball(t, test.files))
			_, err := New(t.Context(), patient(path))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
