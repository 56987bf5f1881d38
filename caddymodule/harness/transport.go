package harness

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
)

// transport is the one that gateways of tests have to their backends; "": Caddy's own. Caddy's state is one per process, so is this.
var transport string

// UseTransport gives all gateways of this test and those within it another transport to their backends.
func UseTransport(t *testing.T, name string) {
	before := transport
	transport = name
	t.Cleanup(func() { transport = before })
}

// proxy is a line that opens a reverse_proxy, with its block or without one.
var proxy = regexp.MustCompile(`(?m)\breverse_proxy ([^{\n]*[^{\s])[ \t]*(\{?)[ \t]*$`)

// withTransport names the transport in every reverse_proxy of a Caddyfile.
func withTransport(text string) string {
	if transport == "" {
		return text
	}
	const standard = "transport http"
	var out strings.Builder
	for {
		at := proxy.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		block := at[4] != at[5]
		out.WriteString(text[:at[3]])
		text = text[at[1]:]
		end := strings.Index(text, "reverse_proxy")
		if end < 0 {
			end = len(text)
		}
		switch {
		case !block:
			out.WriteString(" {\n\ttransport " + transport + "\n}")
		case strings.Contains(text[:end], standard):
			out.WriteString(" {")
		default:
			out.WriteString(" {\n\ttransport " + transport)
		}
	}
	out.WriteString(text)
	return strings.ReplaceAll(out.String(), standard, "transport "+transport)
}

// checkTransport makes sure that every reverse_proxy has the transport.
func checkTransport(config []byte) error {
	if transport != "" && bytes.Count(config, []byte(`"handler":"reverse_proxy"`)) != bytes.Count(config, []byte(`"protocol":"`+transport+`"`)) {
		return errors.New("a reverse_proxy of the Caddyfile did not get transport " + transport)
	}
	return nil
}
