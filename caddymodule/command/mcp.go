package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/loopback"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
)

func mcpCommands() caddycmd.Command {
	return caddycmd.Command{
		Name: "mcp", Usage: "call", Short: "Tries a tool of the MCP server from the shell",
		CobraFunc: func(cmd *cobra.Command) {
			call := command("call TOOL", "Calls a tool as a client would: the key stands on standard input", callTool)
			call.Long = `Sends one call to the MCP server of the gateway that runs with the configuration, with the key on standard input, and
prints what the tool answered. It costs what the tool costs. The exit code is 1 if the call was refused or failed.`
			call.Flags().String("data", "{}", "the arguments, a JSON object")
			call.Flags().String("url", "", "address of the MCP server (default: the configuration's)")
			group(cmd, call)
		},
	}
}

// callPatience is how long an answer may take: longer than a stream is collected.
const callPatience = time.Minute

// maxCallAnswer is the longest answer that is read: the longest that a server passes on, as text and once more as JSON.
const maxCallAnswer = 4 * 64 << 20

func callTool(i *invocation) error {
	arguments := json.RawMessage(i.text("data"))
	if object := bytes.TrimSpace(arguments); !json.Valid(object) || object[0] != '{' {
		return errors.New(`--data is not a JSON object: write one, such as --data '{"id": "l1"}'`)
	}
	tool := i.args[0]
	if strings.ContainsFunc(tool, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("'%s' is not a name of a tool: write it without spaces, as tools/list has it", output.Printable(tool))
	}
	address, err := i.mcpAddress()
	if err != nil {
		return err
	}
	key, err := i.credential()
	if err != nil {
		return err
	}
	request, err := toolCall(i, address, tool, arguments)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	answer, err := callClient(request.URL.Hostname()).Do(request)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("this machine does not trust the certificate of %s: name the address that it is for; if it is of 'tls internal', run: tollgate trust: %w", address, untrusted.Err)
	case err != nil:
		return fmt.Errorf("no MCP server answers at %s: %w", address, errors.Unwrap(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxCallAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return i.tellCall(answer.StatusCode, text)
}

// callClient is who sends the call. What goes to this machine stays there: DNS is not asked for a name below localhost (RFC 6761, section
// 6.3), and no proxy gets the key, which may be unencrypted.
func callClient(host string) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if loopback.Host(host) {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) == nil {
				address = net.JoinHostPort("localhost", port)
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}
	return &http.Client{
		Timeout: callPatience, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // no other host gets the key
	}
}

// credential reads the key.
func (i *invocation) credential() (string, error) {
	i.prompt("write the key, then Ctrl-D")
	text, err := io.ReadAll(io.LimitReader(i.stdin(), 4096))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" {
		return "", errors.New("standard input is empty: write the key there")
	}
	if err := apikey.CheckToken(key); err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return key, nil
}

// toolCall is the message.
func toolCall(i *invocation, address, tool string, arguments json.RawMessage) (*http.Request, error) {
	const revision = "2026-07-28"
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{
		"name": tool, "arguments": arguments, "_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion": revision, "io.modelcontextprotocol/clientCapabilities": map[string]any{},
			"io.modelcontextprotocol/clientInfo": map[string]any{"name": "tollgate", "version": Version()},
		},
	}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(i, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {revision}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {tool}}
	return request, nil
}

// tellCall prints an answer.
func (i *invocation) tellCall(status int, text []byte) error {
	var said struct {
		Result *struct {
			Content []struct {
				Type, Text, MimeType string
				Resource             struct{ MimeType string }
			}
			IsError bool
			Meta    struct {
				Status int `json:"tollgate/status"`
			} `json:"_meta"`
		}
		Error *struct{ Message string }
	}
	switch err := json.Unmarshal(text, &said); {
	case err != nil || said.Result == nil && said.Error == nil:
		return fmt.Errorf("what answers is not an MCP server: HTTP %d: correct --url, or write mcp into the site", status)
	case said.Error != nil:
		return fmt.Errorf("the MCP server refuses: %s", output.Printable(said.Error.Message))
	}
	if i.json() {
		if _, err := fmt.Fprintf(i.out(), "%s\n", text); err != nil {
			return err
		}
	} else {
		for _, content := range said.Result.Content {
			if content.Type != "text" {
				content.Text = content.Type + " " + content.MimeType + content.Resource.MimeType
			}
			for line := range strings.SplitSeq(content.Text, "\n") {
				if _, err := fmt.Fprintln(i.out(), output.Printable(line)); err != nil {
					return err
				}
			}
		}
	}
	if said.Result.IsError {
		return fmt.Errorf("the call failed with status %d", said.Result.Meta.Status)
	}
	return nil
}

// mcpAddress is where the MCP server is: as it is written, or as the configuration says.
func (i *invocation) mcpAddress() (string, error) {
	address := i.text("url")
	if address == "" {
		c, err := i.configuration()
		if err != nil {
			return "", err
		}
		gates, err := gatesOf(c)
		if err != nil {
			return "", c.Wrong(err)
		}
		for _, g := range gates {
			if g.handler.MCP == nil {
				continue
			}
			if address != "" {
				return "", errors.New("the configuration has more than one MCP server: name one with --url")
			}
			if address, err = addressOf(g.place, g.handler.MCP.Path); err != nil {
				return "", err
			}
		}
		if address == "" {
			return "", errors.New("the configuration has no MCP server: write mcp <path> into the site's tollgate, or name one with --url")
		}
	}
	place, err := url.Parse(address)
	if err != nil || place.Scheme != "http" && place.Scheme != "https" || place.Host == "" {
		return "", errors.New("--url is not an address: write it whole, such as https://api.example.com/mcp")
	}
	if place.Scheme == "http" && !loopback.Host(place.Hostname()) {
		return "", fmt.Errorf("%s is not encrypted, and the key would be read on its way: write https", output.Printable(place.Redacted()))
	}
	return address, nil
}

// addressOf is the address of a path of a site, as somebody on this machine reaches it.
func addressOf(p *site.Place, path string) (string, error) {
	if len(p.Server.Listen) == 0 {
		return "", errors.New("the site's address is not known: name it with --url")
	}
	listens, err := caddy.ParseNetworkAddress(p.Server.Listen[0])
	if err != nil || listens.IsUnixNetwork() || listens.IsFdNetwork() {
		return "", errors.New("the site's address is not one of TCP: name it with --url")
	}
	host, scheme := listens.Host, "http"
	if listens.StartPort == 443 || len(p.Server.TLSConnPolicies) > 0 {
		scheme = "https"
	}
	switch {
	case len(p.Hosts) > 0 && !strings.Contains(p.Hosts[0], "*"):
		host = p.Hosts[0]
	case host == "" || host == "0.0.0.0" || host == "::":
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.FormatUint(uint64(listens.StartPort), 10)) + path, nil
}
