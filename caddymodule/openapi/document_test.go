package openapi_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// table is what becomes of a document, a line a route. Any mistake is in err.
func table(name string, options openapi.Options) (text string, err error) {
	d, err := openapi.Load(name)
	if err != nil {
		return "", err
	}
	routes, warnings, err := d.Routes(options)
	if err != nil {
		return "", err
	}
	if _, err := route.New(routes); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range routes {
		if r.Closed {
			continue
		}
		b.WriteString(strings.Join(r.Methods, ",") + " " + r.Pattern)
		switch {
		case r.Public:
			b.WriteString(" public")
			if r.Limit.Limit > 0 {
				b.WriteString(" limit " + r.Limit.String())
			}
		case len(r.Scopes) == 0:
			b.WriteString(" any key")
		default:
			b.WriteString(" " + strings.Join(r.Scopes, " "))
		}
		if r.Cost > 0 {
			b.WriteString(" cost " + strconv.FormatInt(r.Cost, 10))
		}
		if r.BodyLimit > 0 {
			b.WriteString(" body " + strconv.FormatInt(r.BodyLimit, 10))
		}
		if r.Deprecation != nil {
			b.WriteString(" " + r.Deprecation.String())
		}
		b.WriteString("\n")
	}
	for _, warning := range warnings {
		b.WriteString("warning: " + warning + "\n")
	}
	return b.String(), nil
}

// TestRoutes: each document of testdata/routes becomes the table beside it.
func TestRoutes(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/routes/*.routes")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, golden := range names {
		name := strings.TrimSuffix(golden, ".routes")
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			documents, err := filepath.Glob(name + ".*[ln]") // yaml, json
			require.NoError(t, err)
			require.Len(t, documents, 1)
			got, err := table(documents[0], openapi.Options{})
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// TestMistakes: each document of testdata/mistakes is refused, with what its first line says: the line of the mistake, and how
// the error goes on.
func TestMistakes(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/mistakes/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			_, err = table(name, openapi.Options{})
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), name+":"+strings.TrimPrefix(first, "# ")), "got:  %s\nwant: %s:%s", err, name, first[2:])
		})
	}
}
