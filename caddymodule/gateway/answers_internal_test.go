package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/envelope"
	"github.com/tollgate-gateway/tollgate/caddymodule/openapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// TestWhereAnswersAreNotCheckedNothingIsAllocated: a site without "responses log" pays nothing, and a copy is all that one with it does.
func TestWhereAnswersAreNotCheckedNothingIsAllocated(t *testing.T) {
	mapper, err := envelope.NewMapper(envelope.Config{MaxBody: 1})
	require.NoError(t, err)
	w, report, part := httptest.NewRecorder(), envelope.Report{Source: envelope.SourceBackend, Status: 200}, []byte("part")
	header := http.Header{"Content-Type": {"application/json"}}
	w.Body.Grow(1 << 20)
	var judged judgement
	var site Handler
	answer := func(r *route.Route) func() {
		return func() {
			c := call{judgement: &judged, handler: &site}
			c.passed, c.verdict.Match.Route = true, r
			c.writer.Init(w, envelope.Options{Mapper: mapper})
			c.watchAnswer(200, header)
			_, _ = c.writer.Write(part)
			c.checkAnswer(&report)
		}
	}
	plain := &route.Route{}
	none := testing.AllocsPerRun(100, answer(plain))
	require.Zero(t, none-testing.AllocsPerRun(100, func() {
		c := call{judgement: &judged, handler: &site}
		c.passed, c.verdict.Match.Route = true, plain
		c.writer.Init(w, envelope.Options{Mapper: mapper})
		_, _ = c.writer.Write(part)
	}))
	report.Source = envelope.SourceGateway // which is forgotten
	require.Greater(t, testing.AllocsPerRun(100, answer(&route.Route{Answers: &openapi.Answers{}})), none)
}
