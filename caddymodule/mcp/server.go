package mcp

import (
	"context"
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// The revisions of the protocol that are spoken, the newest first. Modern is the first that has no initialize.
const (
	modern   = "2026-07-28"
	previous = "2025-11-25"
)

var (
	revisions = []string{modern, previous, "2025-06-18"}
	spoken    = `["` + strings.Join(revisions, `","`) + `"]`
)

// What a modern request says of itself, in its _meta.
const (
	metaRevision     = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
)

// Site does for one caller what a Server cannot.
type Site interface {
	// May reports whether the caller may call a tool at all.
	May(t *Tool) bool
	// Call sends a request through the gate, as the caller's own.
	Call(ctx context.Context, r *Call) *Answer
	// Refuse counts a refusal of arguments that make no request, and gives the answer to them.
	Refuse(t *Tool, r *refusal.Refusal) *Answer
	// Resources are what can be read besides, and Read gives one of them; false: there is none of that address.
	Resources() []Resource
	Read(ctx context.Context, uri string) (text string, found bool)
}

// Request is a request to the MCP endpoint.
type Request struct {
	Method, Host string
	// HostKnown says that the host is one that the configuration names. It is asked of pages alone, and false by default.
	HostKnown bool
	Header    http.Header
	Body      []byte
}

// Reply is the answer to one.
type Reply struct {
	Status int
	// Body is JSON; nil: there is none.
	Body []byte
	// Refused is what the reply is for throttles, metrics and logs; nil: it refuses nothing, or Site knows of it.
	Refused *refusal.Refusal
}

// Answer is the one way in. It never fails: what is wrong is in the reply.
func (s *Server) Answer(ctx context.Context, r *Request, site Site) *Reply {
	if f, status, kind := s.checkHeader(r); f != nil {
		return &Reply{Status: status, Body: answerFault(nil, f), Refused: &refusal.Refusal{Kind: kind}}
	}
	m, f := parse(r.Body)
	if f == nil {
		f = checkRevision(r.Header, &m)
	}
	if f != nil {
		return &Reply{Status: http.StatusBadRequest, Body: answerFault(m.id, f), Refused: malformed(f)}
	}
	if m.id == nil { // of what clients tell nothing is kept
		return &Reply{Status: http.StatusAccepted}
	}
	x := exchange{server: s, message: &m, site: site, modern: r.Header.Get("Mcp-Protocol-Version") == modern}
	return x.answer(ctx)
}

func malformed(f *fault) *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.MCPMessage, Details: map[string]any{"reason": f.message}}
}

// checkHeader looks at all but the message.
func (s *Server) checkHeader(r *Request) (*fault, int, *refusal.Kind) {
	switch {
	case r.Method != http.MethodPost:
		return &fault{code: codeInvalidRequest, message: "Send each message with POST: there are no streams and no sessions."}, http.StatusMethodNotAllowed, refusal.MCPMessage
	case !s.sameOrigin(r):
		return &fault{code: codeInvalidRequest, message: "Pages of this origin may not use the server."}, http.StatusForbidden, refusal.MCPOrigin
	case !isJSON(r.Header):
		return &fault{code: codeInvalidRequest, message: "Send the message as application/json, in UTF-8 and without a content encoding."}, http.StatusUnsupportedMediaType, refusal.MCPMessage
	case !takesJSON(r.Header["Accept"]):
		return &fault{code: codeInvalidRequest, message: "Answers are application/json: write Accept: application/json, text/event-stream."}, http.StatusNotAcceptable, refusal.MCPMessage
	}
	return nil, 0, nil
}

func isJSON(h http.Header) bool {
	if len(h["Content-Type"]) != 1 || len(h["Content-Encoding"]) > 0 {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(h["Content-Type"][0])
	charset, given := parameters["charset"]
	return err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// takesJSON reports whether a client takes JSON: it says so, or says nothing.
func takesJSON(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/*", "*/*":
			return true
		}
	}
	return false
}

// checkRevision holds what the header says against the message: whoever stands in between and reads the header alone has seen
// what is done here.
func checkRevision(h http.Header, m *message) *fault {
	said := h["Mcp-Protocol-Version"]
	inBody, _ := m.meta(metaRevision)
	switch {
	case len(said) > 1:
		return &fault{code: codeHeaderMismatch, message: "MCP-Protocol-Version is given more than once."}
	case len(said) == 0 && m.method == "initialize" && inBody == nil:
		return nil
	case len(said) == 0 && inBody != nil:
		return &fault{code: codeHeaderMismatch, message: "The header MCP-Protocol-Version is missing."}
	case len(said) == 0:
		return unsupported("2025-03-26", "Without the header MCP-Protocol-Version a request is of revision 2025-03-26, which is not spoken here.")
	case !slices.Contains(revisions, said[0]):
		return unsupported(cut(said[0], 32), "This revision of the protocol is not spoken here.")
	case inBody != nil && inBody != said[0]:
		return &fault{code: codeHeaderMismatch, message: "The header MCP-Protocol-Version and the message name different revisions."}
	case said[0] != modern || m.id == nil:
		return nil
	case inBody == nil:
		return &fault{code: codeInvalidParams, message: `The message lacks "` + metaRevision + `" in its _meta.`}
	}
	if capabilities, _ := m.meta(metaCapabilities); !isObject(capabilities) {
		return &fault{code: codeInvalidParams, message: `The message lacks "` + metaCapabilities + `" in its _meta: write an object, {} for none.`}
	}
	return checkNames(h, m)
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

func unsupported(requested, message string) *fault {
	data := append([]byte(`{"supported":`), spoken...)
	data = append(data, `,"requested":`...)
	return &fault{code: codeUnsupported, message: message, data: append(appendText(data, requested), '}')}
}

// named is which parameter of a method the header Mcp-Name repeats.
var named = map[string]string{"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}

// checkNames holds Mcp-Method and Mcp-Name against the message.
func checkNames(h http.Header, m *message) *fault {
	method, name := h["Mcp-Method"], h["Mcp-Name"]
	parameter := named[m.method]
	switch {
	case len(method) != 1 || method[0] != m.method:
		return &fault{code: codeHeaderMismatch, message: "Header mismatch: Mcp-Method must be given once, and be the method of the message."}
	case parameter == "" && len(name) == 0:
		return nil
	case parameter == "":
		return &fault{code: codeHeaderMismatch, message: "Header mismatch: Mcp-Name is given, and the method takes no name."}
	case len(name) != 1:
		return &fault{code: codeHeaderMismatch, message: "Header mismatch: Mcp-Name must be given once."}
	}
	text, ok := decodeName(name[0])
	if !ok || text != m.text(parameter) {
		return &fault{code: codeHeaderMismatch, message: "Header mismatch: Mcp-Name must be the " + parameter + " of the message."}
	}
	return nil
}

// decodeName reads a header's value that may be written in Base64 (MCP 2026-07-28, "Value Encoding").
func decodeName(value string) (string, bool) {
	coded, begins := strings.CutPrefix(value, "=?base64?")
	coded, ends := strings.CutSuffix(coded, "?=")
	if !begins || !ends {
		return value, true
	}
	text, err := base64.StdEncoding.DecodeString(coded)
	return string(text), err == nil
}

// cut is the beginning of a text.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
