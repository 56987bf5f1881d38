package dashboard

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// policy lets the page use nothing but what comes from its own origin, which it shares with Caddy's /load and /stop: no
// inline scripts and styles, no other site's frame around it, and no text that becomes markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"

//go:embed page
var files embed.FS

// assets are the files of the page by their paths: the page itself has none.
var assets = readAssets()

// asset is one file of the page.
type asset struct {
	kind string
	text []byte
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func readAssets() map[string]asset {
	all := make(map[string]asset)
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		all[strings.TrimSuffix(name, "page/index.html")] = asset{kinds[path.Ext(name)], text}
		return err
	})
	if err != nil {
		panic(err) // they are in the program
	}
	return all
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.text)))
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	// Caddy judges a browser's requests by Origin or Referer: the page's own must have one.
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.text) // whoever left does not read it
	}
	return nil
}
