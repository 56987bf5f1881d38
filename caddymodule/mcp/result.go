package mcp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/strictjson"
)

// Answer is what came of a request that a tool made.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Cut says of a stream that it was longer than may be passed on, or broke off: Body is its beginning.
	Cut bool
	// Ended says of a stream that it was ended here, after a time.
	Ended bool
	// RequestID is what the log calls the request.
	RequestID string
}

// told are the headers of an answer that its caller is told of, in the result's _meta.
var told = []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Mode", "Ratelimit-Policy", "Ratelimit", "Retry-After",
	"Deprecation", "Sunset", "Link", "Location", "X-Tollgate-Secret-Ends"}

// spelled is how the told headers are written.
var spelled = map[string]string{"X-Ratelimit-Limit": "X-RateLimit-Limit", "X-Ratelimit-Remaining": "X-RateLimit-Remaining", "X-Ratelimit-Reset": "X-RateLimit-Reset",
	"X-Ratelimit-Mode": "X-RateLimit-Mode", "Ratelimit-Policy": "RateLimit-Policy", "Ratelimit": "RateLimit"}

// maxDepth is how deep an answer may lie in itself that is passed on as JSON.
const maxDepth = 128

// appendResult appends what a call gave as the result of tools/call. An error of a tool that says what it answers with is text alone:
// clients hold structured content against that, errors too.
func (x *exchange) appendResult(b []byte, t *Tool, a *Answer) []byte {
	kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	body, wrong := a.Body, a.Status >= 400
	stream := kind == "text/event-stream"
	if a.Cut || a.Ended {
		body = whole(body)
	}
	b = append(b, '{')
	if x.modern {
		b = append(b, `"resultType":"complete",`...)
	}
	b = append(b, `"content":[`...)
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	text := utf8.Valid(body) && (isJSON || kind == "" || stream || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") || strings.HasSuffix(kind, "yaml"))
	switch {
	case len(body) == 0:
		b = append(appendText(append(b, `{"type":"text","text":`...), nothing(a)), '}')
	case text:
		b = append(appendText(append(b, `{"type":"text","text":`...), string(body)), '}')
	default:
		b = x.appendBlob(b, kind, body)
	}
	b = append(b, ']')
	if object := bytes.TrimSpace(bytes.TrimPrefix(body, byteOrder)); !(wrong && t.promises) && isJSON && text && len(object) > 0 && (object[0] == '{' || x.modern) && !strictjson.Deeper(object, maxDepth) && json.Valid(object) {
		b = append(append(b, `,"structuredContent":`...), paired(object)...)
	}
	if wrong {
		b = append(b, `,"isError":true`...)
	}
	return append(appendMeta(append(b, `,"_meta":`...), a), '}')
}

// nothing is what is said of an answer without a body: its status, and where it points to, since models see no headers.
func nothing(a *Answer) string {
	text := strings.TrimSpace(strconv.Itoa(a.Status) + " " + http.StatusText(a.Status))
	if place := a.Header.Get("Location"); place != "" {
		text += ": " + cut(place, 2048)
	}
	return text
}

// byteOrder is the mark that some backends put before their JSON. Readers may ignore it (RFC 8259, section 8.1).
var byteOrder = []byte("\ufeff")

// whole leaves out the beginning of a character at whose middle a text was cut.
func whole(text []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

// paired is valid JSON with U+FFFD for each half of a surrogate pair. Backends that cut texts at a length send such, and clients whose
// reader refuses it lose the whole message.
func paired(text []byte) []byte {
	own := false
	for n := 0; ; {
		next := bytes.IndexByte(text[n:], '\\')
		if next < 0 {
			return text
		}
		n += next
		unit, more := escaped(text[n:]), escaped(text[min(n+6, len(text)):])
		switch {
		case unit < 0:
			n += 2
		case !utf16.IsSurrogate(unit):
			n += 6
		case utf16.DecodeRune(unit, more) != utf8.RuneError:
			n += 12
		default:
			if !own {
				text, own = bytes.Clone(text), true
			}
			copy(text[n+2:], "fffd")
			n += 6
		}
	}
}

// escaped is the code unit of a \uXXXX that a text begins with, or -1.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// appendBlob appends what is no text: pictures and sounds as such, all else as an embedded resource.
func (x *exchange) appendBlob(b []byte, kind string, body []byte) []byte {
	for _, media := range []string{"image", "audio"} {
		if strings.HasPrefix(kind, media+"/") {
			b = append(append(append(b, `{"type":"`...), media...), `","mimeType":`...)
			b = append(appendText(b, kind), `,"data":"`...)
			return append(base64.StdEncoding.AppendEncode(b, body), `"}`...)
		}
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	b = append(b, `{"type":"resource","resource":{"uri":"tollgate://answer","mimeType":`...)
	b = appendText(b, kind)
	b = append(b, `,"blob":"`...)
	b = base64.StdEncoding.AppendEncode(b, body)
	return append(b, `"}}`...)
}

// appendMeta appends the status and the headers that an answer over HTTP would have had.
func appendMeta(b []byte, a *Answer) []byte {
	b = append(b, `{"tollgate/status":`...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	if a.RequestID != "" {
		b = appendText(append(b, `,"tollgate/request_id":`...), a.RequestID)
	}
	if a.Cut || a.Ended {
		b = append(b, `,"tollgate/cut":true`...)
	}
	b = append(b, `,"tollgate/headers":{`...)
	first := true
	for _, name := range told {
		values := a.Header[name]
		if len(values) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if other := spelled[name]; other != "" {
			name = other
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, strings.Join(values, ", "))
	}
	return append(b, "}}"...)
}

// compact writes a value that was read from JSON.
func compact(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return []byte("null") // what was read as JSON can always be written
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
