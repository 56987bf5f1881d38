package mcp

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// How long clients may keep what they are told, in milliseconds. A key's scopes may change meanwhile: a call is judged anew each time.
const (
	keepList     = 60_000
	keepServer   = 300_000
	keepResource = 60_000
)

// Resource is something that can be read.
type Resource struct {
	URI, Name, Title, Description, Type string
}

// exchange is one request and its answer.
type exchange struct {
	server  *Server
	message *message
	site    Site
	modern  bool
}

func (x *exchange) answer(ctx context.Context) *Reply {
	switch method := x.message.method; {
	case method == "tools/call":
		return x.call(ctx)
	case method == "tools/list":
		return x.listTools()
	case method == "resources/list":
		return x.listResources()
	case method == "resources/templates/list" && len(x.site.Resources()) > 0:
		return x.listTemplates()
	case method == "resources/read":
		return x.readResource(ctx)
	case method == "server/discover" && x.modern:
		return x.result(x.appendServer(append([]byte(`{"resultType":"complete","supportedVersions":`), spoken...), keepServer))
	case method == "initialize" && !x.modern:
		return x.initialize()
	case method == "ping" && !x.modern:
		return x.result([]byte("{}"))
	}
	status := http.StatusOK
	if x.modern {
		status = http.StatusNotFound
	}
	return x.fault(status, &fault{code: codeNoMethod, message: "There is no such method here."})
}

func (x *exchange) result(result []byte) *Reply {
	return &Reply{Status: http.StatusOK, Body: append(append(appendHead(make([]byte, 0, len(result)+64), x.message.id, "result"), result...), '}')}
}

func (x *exchange) fault(status int, f *fault) *Reply {
	return &Reply{Status: status, Body: answerFault(x.message.id, f), Refused: malformed(f)}
}

// initialize answers clients of the revisions before 2026-07-28. Nothing is remembered of them.
func (x *exchange) initialize() *Reply {
	revision := x.message.text("protocolVersion")
	if revision == modern || !slices.Contains(revisions, revision) {
		revision = previous
	}
	b := append([]byte(`{"protocolVersion":"`), revision...)
	return x.result(x.appendServer(append(b, '"'), 0))
}

// appendServer appends who the server is and what it can.
func (x *exchange) appendServer(b []byte, keep int64) []byte {
	b = append(b, `,"capabilities":{"tools":{}`...)
	if len(x.site.Resources()) > 0 {
		b = append(b, `,"resources":{}`...)
	}
	b = append(b, '}')
	if x.server.options.Instructions != "" {
		b = appendText(append(b, `,"instructions":`...), x.server.options.Instructions)
	}
	release := x.server.release
	if release == "" {
		release = "unknown"
	}
	server := appendText([]byte(`{"name":"tollgate","title":`), x.server.title)
	server = append(appendText(append(server, `,"version":`...), release), '}')
	if !x.modern {
		b = append(append(b, `,"serverInfo":`...), server...)
		return append(b, '}')
	}
	b = append(append(b, `,"_meta":{"io.modelcontextprotocol/serverInfo":`...), server...)
	return x.appendKeep(append(b, '}'), keep)
}

// appendKeep ends a result that clients may keep, for this caller alone: another key sees other tools.
func (x *exchange) appendKeep(b []byte, milliseconds int64) []byte {
	if x.modern {
		b = strconv.AppendInt(append(b, `,"ttlMs":`...), milliseconds, 10)
		b = append(b, `,"cacheScope":"private"`...)
	}
	return append(b, '}')
}

func (x *exchange) begin() []byte {
	if x.modern {
		return []byte(`{"resultType":"complete",`)
	}
	return []byte(`{`)
}

// noCursor refuses a cursor: none was ever given.
func (x *exchange) noCursor() *Reply {
	if cursor, given := x.message.params["cursor"]; given && cursor != nil {
		return x.fault(http.StatusOK, &fault{code: codeInvalidParams, message: "There is no such cursor: lists come whole."})
	}
	return nil
}

// listTools lists all tools at once, however many. The iterators of the Go SDK and the TypeScript client of version 2 follow cursors,
// but ListTools of the one and version 1 of the other give the first page alone, as do agents built on them: what stands on a second
// page is not there for them.
func (x *exchange) listTools() *Reply {
	if wrong := x.noCursor(); wrong != nil {
		return wrong
	}
	b, first := append(x.begin(), `"tools":[`...), true
	for _, t := range x.server.tools {
		if !x.site.May(t) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		b, first = append(b, t.listed...), false
	}
	return x.result(x.appendKeep(append(b, ']'), keepList))
}

func (x *exchange) listResources() *Reply {
	if wrong := x.noCursor(); wrong != nil {
		return wrong
	}
	b := append(x.begin(), `"resources":[`...)
	for n, r := range x.site.Resources() {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"uri":`...), r.URI)
		b = appendText(append(b, `,"name":`...), r.Name)
		b = appendText(append(b, `,"title":`...), r.Title)
		b = appendText(append(b, `,"description":`...), r.Description)
		b = append(appendText(append(b, `,"mimeType":`...), r.Type), '}')
	}
	return x.result(x.appendKeep(append(b, ']'), keepResource))
}

// listTemplates says that there are none. Clients ask for them wherever there are resources, and some take an error for that of the
// server.
func (x *exchange) listTemplates() *Reply {
	if wrong := x.noCursor(); wrong != nil {
		return wrong
	}
	return x.result(x.appendKeep(append(x.begin(), `"resourceTemplates":[]`...), keepResource))
}

func (x *exchange) readResource(ctx context.Context) *Reply {
	uri := x.message.text("uri")
	for _, r := range x.site.Resources() {
		if r.URI != uri {
			continue
		}
		text, found := x.site.Read(ctx, uri)
		if !found {
			break
		}
		b := appendText(append(x.begin(), `"contents":[{"uri":`...), uri)
		b = appendText(append(b, `,"mimeType":`...), r.Type)
		b = append(appendText(append(b, `,"text":`...), text), "}]"...)
		return x.result(x.appendKeep(b, keepResource))
	}
	code := codeInvalidParams
	if !x.modern {
		code = codeNoResource
	}
	data := append(appendText([]byte(`{"uri":`), cut(uri, 256)), '}')
	return x.fault(http.StatusOK, &fault{code: code, message: "There is no such resource.", data: data})
}

// call sends a tool's request through the gate. What the caller may not call is as unknown as what is not there.
func (x *exchange) call(ctx context.Context) *Reply {
	t := x.server.byName[x.message.text("name")]
	if t == nil || !x.site.May(t) {
		f := &fault{code: codeInvalidParams, message: "There is no such tool: tools/list says which there are for this key."}
		return &Reply{Status: http.StatusOK, Body: answerFault(x.message.id, f), Refused: &refusal.Refusal{Kind: refusal.MCPTool}}
	}
	arguments, is := x.message.params["arguments"].(map[string]any)
	if given := x.message.params["arguments"]; given != nil && !is {
		f := &fault{code: codeInvalidParams, message: "The arguments must be an object."}
		return x.fault(http.StatusOK, f)
	}
	request, refused := t.place(arguments)
	var a *Answer
	if refused != nil {
		a = x.site.Refuse(t, refused)
	} else {
		a = x.site.Call(ctx, request)
	}
	return x.result(x.appendResult(make([]byte, 0, 2*len(a.Body)+512), t, a))
}
