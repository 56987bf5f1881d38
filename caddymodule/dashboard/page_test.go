package dashboard

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// markup is whatever makes markup or code out of text, by any name that a browser knows.
var markup = regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser|createContextualFragment|srcdoc|\beval\b|new Function|import\(|cookie|localStorage|sessionStorage|javascript:|on(click|load|error)\s*=`)

// outside is whatever another host could be asked for.
var outside = regexp.MustCompile(`(?i)(src|href|url|from|fetch|import)[=(\s"']+(https?:)?//`)

// TestThePageShowsTextOnly, asks nobody else, and keeps nothing.
func TestThePageShowsTextOnly(t *testing.T) {
	t.Parallel()
	require.Contains(t, assets, "")
	require.Contains(t, assets, "page/page.js")
	for name, asset := range assets {
		require.NotEmpty(t, asset.kind, name)
		text := strings.ReplaceAll(string(asset.text), `xmlns="http://www.w3.org/2000/svg"`, "")
		require.Empty(t, markup.FindAllString(text, -1), name)
		require.Empty(t, outside.FindAllString(text, -1), name)
		require.NotContains(t, text, "style=", name)
		if path.Ext(name) == ".js" {
			for _, from := range regexp.MustCompile(`from "([^"]*)"`).FindAllStringSubmatch(text, -1) {
				require.Contains(t, assets, "page/"+strings.TrimPrefix(from[1], "./"), name)
			}
		}
	}
	require.True(t, markup.MatchString(`node.innerHTML = text`))
	require.True(t, outside.MatchString(`src="https://cdn.example/x.js"`))
}
