package mcp

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
)

// MaxMessage is the longest message that is read, in bytes: what a body of a validated route may have, and the frame around it.
const MaxMessage = 1<<20 + 16<<10

// maxID is the longest id of a message, in bytes. It comes back in the answer.
const maxID = 256

// The codes of JSON-RPC 2.0, section 5.1, and of MCP 2026-07-28, "Error Codes".
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeNoResource     = -32002 // of the revisions before 2026-07-28
	codeHeaderMismatch = -32020
	codeUnsupported    = -32022
)

// fault is an error of JSON-RPC.
type fault struct {
	code    int
	message string
	data    []byte // JSON; nil: none
}

// message is a request or a notification.
type message struct {
	id     any // a string or a json.Number; nil: a notification
	method string
	params map[string]any // nil: there are none
}

// parse reads a message strictly: no reader of the same bytes finds another method, tool or argument in them. It takes as many values
// as a body that is held against a document has: those of a megabyte would take forty in memory. The message that comes with a fault
// has the id, if one was read.
func parse(body []byte) (message, *fault) {
	value, err := jsonbody.ParseSmall(body)
	if err != nil {
		code := codeInvalidRequest
		if errors.Is(err, jsonbody.ErrSyntax) || errors.Is(err, jsonbody.ErrUTF8) {
			code = codeParse
		}
		return message{}, &fault{code: code, message: "The message cannot be read: " + err.Error() + "."}
	}
	if _, batch := value.([]any); batch {
		return message{}, &fault{code: codeInvalidRequest, message: "Batches are not taken: send each message by itself."}
	}
	members, _ := value.(map[string]any)
	m := message{}
	switch id := members["id"].(type) {
	case string:
		if len(id) <= maxID {
			m.id = id
		}
	case json.Number:
		if _, err := strconv.ParseInt(string(id), 10, 64); err == nil {
			m.id = id
		}
	}
	_, hasID := members["id"]
	m.method, _ = members["method"].(string)
	params, hasParams := members["params"]
	m.params, _ = params.(map[string]any)
	switch {
	case members["jsonrpc"] != "2.0":
		return m, &fault{code: codeInvalidRequest, message: `A message of JSON-RPC 2.0 is expected, with "jsonrpc": "2.0".`}
	case m.method == "":
		return m, &fault{code: codeInvalidRequest, message: "A request or a notification is expected, with a method. This server asks nothing, so that there is nothing to answer."}
	case hasID && m.id == nil:
		return m, &fault{code: codeInvalidRequest, message: "The id must be a whole number, or a string of at most 256 bytes."}
	case hasParams && m.params == nil:
		return m, &fault{code: codeInvalidRequest, message: "The params must be an object."}
	}
	return m, nil
}

// text is a parameter that is text; "": it is not there, or is none.
func (m *message) text(name string) string {
	text, _ := m.params[name].(string)
	return text
}

// meta is a member of the request's _meta.
func (m *message) meta(name string) (value any, found bool) {
	meta, _ := m.params["_meta"].(map[string]any)
	value, found = meta[name]
	return value, found
}

// appendHead appends an answer up to the value of its result or error.
func appendHead(b []byte, id any, what string) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	switch id := id.(type) {
	case json.Number:
		b = append(b, id...)
	case string:
		b = appendText(b, id)
	default:
		b = append(b, "null"...)
	}
	b = append(b, ',', '"')
	b = append(b, what...)
	return append(b, '"', ':')
}

// answerFault is the answer that says what is wrong.
func answerFault(id any, f *fault) []byte {
	b := appendHead(make([]byte, 0, 256), id, "error")
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(f.code), 10)
	b = append(b, `,"message":`...)
	b = appendText(b, f.message)
	if f.data != nil {
		b = append(b, `,"data":`...)
		b = append(b, f.data...)
	}
	return append(b, "}}"...)
}

// appendText appends a JSON string.
func appendText(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string can always be written
	return append(b, quoted...)
}
