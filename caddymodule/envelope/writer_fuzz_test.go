package envelope

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzWriter: whatever a backend answers, and in whatever pieces, the caller gets a valid envelope that fits, or the
// backend's own answer byte for byte.
func FuzzWriter(f *testing.F) {
	for _, x := range fixtures(f) {
		f.Add(x.Status, x.ContentType, "", []byte(x.Body), uint(7))
	}
	for _, x := range wideFixtures(f, wideBackends) {
		f.Add(x.Status, x.ContentType, "", []byte(x.Body), uint(11))
	}
	f.Add(200, "application/json", "gzip", encoded(f, "gzip", strings.NewReader(`{"success":false}`)), uint(3))
	f.Add(400, "text/plain", "br", encoded(f, "br", strings.NewReader("no")), uint(3))
	f.Add(99, "application/grpc", "", []byte("x"), uint(1))
	m := newMapper(f, konectyRules...)
	m.maxBody = 300 // so that it matters
	f.Fuzz(func(t *testing.T, status int, contentType, coding string, body []byte, size uint) {
		switch {
		case status >= 100 && status <= 199:
			return // informational, or a tunnel
		case status == http.StatusNoContent, status == http.StatusNotModified:
			body = nil // the recorder takes what a server refuses
		}
		o := exchange(t, Options{Mapper: m}, func(w http.ResponseWriter) error {
			w.Header()["Content-Type"], w.Header()["Content-Encoding"] = []string{contentType}, []string{coding}
			w.WriteHeader(status)
			for piece := range chunks(body, int(size%2000)+1) {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
			return nil
		})
		require.Nil(t, o.panicked)
		require.Equal(t, []int{o.report.Status}, o.hook.statuses)
		if o.report.Code == "" || o.sentEarly {
			require.Equal(t, status, o.Code)
			require.Equal(t, string(body), o.Body.String())
			return
		}
		require.GreaterOrEqual(t, o.report.Status, 400)
		require.LessOrEqual(t, o.report.Status, 599)
		e := requireEnvelope(t, o.Body.Bytes())
		require.Equal(t, o.report.Code, e.Error.Code)
		require.Empty(t, o.Header().Get("Content-Encoding"))
		if status >= 400 && status <= 599 {
			require.Equal(t, status, o.report.Status, "a backend's status is kept")
		}
	})
}
