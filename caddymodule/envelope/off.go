package envelope

import (
	"maps"
	"net/http"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// mustJudge reports whether an error must be held although the site maps none: a 401 of our own credential, and any body
// that may repeat an injected secret.
func (w *Writer) mustJudge(status int) bool {
	return w.isOurCredential(status, "") || w.opt.Secret != nil && w.opt.Method != http.MethodHead
}

// isOurCredential reports whether an answer says that the credential failed which the gateway injects: no caller's affair.
func (w *Writer) isOurCredential(status int, code refusal.Code) bool {
	return w.opt.Credential && (status == http.StatusUnauthorized || code == refusal.CodeUnauthorized)
}

// passHeld sends an error that was held as it came, encoding and trailers included.
func (w *Writer) passHeld() {
	h := w.under.Header()
	trailers := maps.Clone(h)
	maps.DeleteFunc(trailers, func(name string, _ []string) bool { return w.held.header[name] != nil })
	w.held.restore(h)
	w.report.Code = refusal.CodeOf(w.held.status)
	w.pass(w.held.status)
	_, _ = w.pour(w.held.body) // an error here is the client's leaving
	maps.Copy(h, trailers)
	if w.opt.Hook != nil {
		w.opt.Hook.BeforeTrailer(h)
	}
}
