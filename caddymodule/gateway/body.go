package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/tollgate-gateway/tollgate/caddymodule/hop"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/jsonbody"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// bodyTimeout is how long a body that policies read may take to arrive: ten seconds, then 400. Only tests change it.
var bodyTimeout = 10 * time.Second

// requestBody reads a request's body whole, for those in the gateway who must know what it says.
type requestBody struct {
	request *http.Request
	inbound *inbound
	under   http.ResponseWriter // the connection's, which bounds the time that a body may take
}

// JSON reads the request's body for policies and puts the very bytes back for the backend. It is gate.Body.
func (b *requestBody) JSON(ctx context.Context, limit int64) (value any, present bool, refused *refusal.Refusal) {
	data, refused := b.Text(ctx, limit)
	if refused != nil || len(data) == 0 {
		return nil, false, refused
	}
	value, err := jsonbody.Parse(data)
	if err != nil {
		return nil, false, malformedBody(err)
	}
	return value, true, nil
}

// Text reads the request's body as it was sent. It is gate.Body.
func (b *requestBody) Text(_ context.Context, limit int64) ([]byte, *refusal.Refusal) {
	data, refused := b.read(limit)
	b.inbound.touched.Store(false) // it was the gateway that read
	if refused == nil && len(data) > 0 && !isJSON(b.request.Header) {
		return nil, malformedBody(errNotJSON)
	}
	return data, refused
}

// read reads at most limit bytes, within bodyTimeout, and puts them back.
func (b *requestBody) read(limit int64) ([]byte, *refusal.Refusal) {
	body := b.request.Body
	switch {
	case body == nil || body == http.NoBody:
		return nil, b.inbound.refusal()
	case b.request.ContentLength > limit:
		return nil, &refusal.Refusal{Kind: refusal.BodyTooLarge}
	}
	control := http.NewResponseController(b.under)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return nil, &refusal.Refusal{Kind: refusal.Internal, Cause: fmt.Errorf("bounding the time for the body: %w", err)}
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal.Refusal{Kind: refusal.BodyLate, Cause: err}
	case err != nil:
		return nil, &refusal.Refusal{Kind: bodyKind(err), Cause: err}
	case int64(len(data)) > limit:
		return nil, &refusal.Refusal{Kind: refusal.BodyTooLarge}
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return nil, &refusal.Refusal{Kind: refusal.Internal, Cause: fmt.Errorf("lifting the bound on the body's time: %w", err)}
	}
	caddyhttp.SetVar(b.request.Context(), hop.BodyRead, true)
	b.request.Body = replayed{Reader: bytes.NewReader(data), Closer: body}
	return data, nil
}

// errNotJSON is what is wrong with a body that is not sent as JSON.
var errNotJSON = errors.New("send it as application/json in UTF-8, without a content encoding")

// replayed is a body that was read once: its bytes come from memory, closing it closes the connection's.
type replayed struct {
	io.Reader
	io.Closer
}

// bodyKind is the catalogue's row for a body that could not be read: it passed the bound that a handler before the gate set,
// or it broke off on its way.
func bodyKind(err error) *refusal.Kind {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return refusal.BodyTooLarge
	}
	return refusal.BodyMalformed
}

func malformedBody(why error) *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.BodyMalformed, Details: map[string]any{"reason": why.Error()}}
}

// isJSON reports whether the body is sent as one JSON value: application/json or any +json, not encoded, and in UTF-8. In
// another charset a backend might read names in it that policies did not.
func isJSON(h http.Header) bool {
	if len(h["Content-Type"]) != 1 || len(h["Content-Encoding"]) > 0 {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(h["Content-Type"][0])
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	return err == nil && (kind == "application/json" || strings.Contains(kind, "/") && strings.HasSuffix(kind, "+json"))
}
