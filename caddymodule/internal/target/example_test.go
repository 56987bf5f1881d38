package target_test

import (
	"fmt"
	"net/url"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/target"
)

func ExampleParse() {
	for _, requestURI := range []string{"/leads/caf%C3%A9?page=2", "/leads/../admin", "/leads/%61"} {
		u, err := url.ParseRequestURI(requestURI)
		if err != nil {
			fmt.Println(err)
			return
		}
		parsed, err := target.Parse(requestURI, u.EscapedPath())
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(parsed.Path, parsed.RawQuery)
	}
	// Output:
	// /leads/caf%C3%A9 page=2
	// malformed request target: the path has a dot segment
	// malformed request target: the path encodes a character that needs no encoding
}
