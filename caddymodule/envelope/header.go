package envelope

import (
	"net/http"
	"strings"
)

// stale are the fields that describe a body which is replaced.
var stale = []string{
	"Accept-Ranges", "Content-Digest", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
	"Content-Location", "Content-Md5", "Content-Range", "Digest", "Etag", "Incremental", "Last-Modified", "Repr-Digest",
	"Trailer", "Transfer-Encoding",
}

// dropStale removes the description of the body that is replaced. Everything else stays: Retry-After, WWW-Authenticate,
// Allow, CORS, cookies.
func dropStale(h http.Header) {
	for _, name := range stale {
		delete(h, name)
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// mediaType is the type of the body without its parameters; "" where there is none.
func mediaType(h http.Header) string {
	value, _, _ := strings.Cut(first(h["Content-Type"]), ";")
	return strings.TrimSpace(value)
}

// isJSON reports whether the media type is JSON, by name or by suffix (RFC 8259; RFC 6839, section 3.1).
func isJSON(media string) bool {
	return strings.EqualFold(media, "application/json") || strings.EqualFold(media, "text/json") || hasSuffixFold(media, "+json")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// untouchable reports whether the body is a stream with a protocol of its own: server-sent events, or gRPC with its
// variants (application/grpc+proto, application/grpc-web).
func untouchable(h http.Header) bool {
	media := mediaType(h)
	if strings.EqualFold(media, "text/event-stream") {
		return true
	}
	const grpc = "application/grpc"
	return hasPrefixFold(media, grpc) && (len(media) == len(grpc) || media[len(grpc)] == '+' || media[len(grpc)] == '-')
}

// contentCoding is what the body is encoded with, in the order of encoding; "": nothing (RFC 9110, section 8.4).
func contentCoding(h http.Header) string {
	values := h["Content-Encoding"]
	if len(values) == 0 || len(values) == 1 && (values[0] == "" || strings.EqualFold(values[0], "identity")) {
		return ""
	}
	return strings.ToLower(strings.Join(values, ","))
}
