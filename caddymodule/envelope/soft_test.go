package envelope

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// pieces is a handler that writes a 200 JSON in pieces, and records what had gone out after each.
func pieces(seen *[]bool, headers []string, parts ...string) func(http.ResponseWriter) error {
	return func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		for _, part := range parts {
			if n, err := io.WriteString(w, part); err != nil || n != len(part) {
				return err
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
			*seen = append(*seen, w.(*Writer).Sent())
		}
		return nil
	}
}

func TestSoftSuccessStreamsOn(t *testing.T) {
	long := strings.Repeat("x", DefaultMaxBody)
	tests := []struct {
		name  string
		parts []string
		sent  []bool
	}{
		{"at once", []string{`{"success":true,"data":[`, `1]}`}, []bool{true, true}},
		{"as soon as it is known", []string{`{"id":7,`, `"success":`, `tr`, `ue}`}, []bool{false, false, true, true}},
		{"no object", []string{`[`, `{"success":false}]`}, []bool{true, true}},
		{"no such member", []string{`{"data":1`, `}`, "\n"}, []bool{false, true, true}},
		{"undecided at its end", []string{`{"data":1`}, []bool{false}},
		{"undecided past max_body", []string{`{"data":"`, long[:1000], long[:len(long)-1009], "y", `"}`}, []bool{false, false, false, true, true}},
		{"one piece past max_body", []string{`{"data":"` + long}, []bool{true}},
		{"white space without end", []string{strings.Repeat(" ", DefaultMaxBody), " "}, []bool{false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen []bool
			o := exchange(t, Options{}, pieces(&seen, []string{"Etag", "x", "Content-Length", "5"}, tt.parts...))
			require.Equal(t, tt.sent, seen)
			require.Equal(t, 200, o.Code)
			require.Equal(t, strings.Join(tt.parts, ""), o.Body.String())
			require.Equal(t, "x", o.Header().Get("Etag"))
			require.Equal(t, []int{200}, o.hook.statuses)
			require.Equal(t, Report{Source: SourceBackend, Status: 200}, o.report)
			require.Nil(t, o.panicked)
		})
	}
}

func TestSoftFailure(t *testing.T) {
	m := newMapper(t, konectyRules...)
	tests := []struct {
		name    string
		parts   []string
		status  int
		code    refusal.Code
		message string
	}{
		{"in one piece", []string{`{"success":false,"errors":[{"message":"no"}]}`}, 400, refusal.CodeInvalid, "no"},
		{"in pieces", []string{`{"succ`, `ess": fal`, `se,"errors":[{"mess`, `age":"no"}]}`}, 400, refusal.CodeInvalid, "no"},
		{"classified", []string{`{"errors":[{"message":"[get-user] User not found"}],"success":false}`}, 401, refusal.CodeUnauthorized, "[get-user] User not found"},
		{"our affair", []string{`{"success":false,"errors":[{"message":"connect ECONNREFUSED 10.0.0.7"}]}`}, 500, refusal.CodeInternal, refusal.CodeInternal.Message()},
		{"broken JSON", []string{`{"success":false,`}, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message()},
		{"longer than max_body", []string{`{"success":false,`, strings.Repeat(" ", DefaultMaxBody)}, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var seen []bool
			o := exchange(t, Options{Mapper: m}, pieces(&seen, []string{"Etag", "x", "Set-Cookie", "a=b"}, tt.parts...))
			o.requireMapped(t, tt.status, tt.code, tt.message)
			require.NotContains(t, seen, true)
			require.Empty(t, o.Result().Header.Get("Etag"))
			require.Equal(t, "a=b", o.Header().Get("Set-Cookie"))
		})
	}
}

func TestSoftFailureOfACreation(t *testing.T) {
	o := exchange(t, Options{}, responds(201, "application/json", `{"success":false,"errors":[{"message":"no"}]}`))
	o.requireMapped(t, 400, refusal.CodeInvalid, "no")
}

func TestSoftFailuresAreLookedForOnlyWhenAsked(t *testing.T) {
	m, err := NewMapper(Config{MaxBody: DefaultMaxBody})
	require.NoError(t, err)
	require.False(t, m.SoftFailures())
	o := exchange(t, Options{Mapper: m}, responds(200, "application/json", `{"success":false}`))
	o.requireUntouched(t, 200, `{"success":false}`)
}

func TestSoftFailureInTime(t *testing.T) {
	t.Run("a success that stays undecided is let go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := exchange(t, Options{}, func(w http.ResponseWriter) error {
				_ = responds(200, "application/json", `{"data":[`)(w)
				require.False(t, w.(*Writer).Sent())
				<-time.After(bodyTimeout + time.Millisecond)
				_, err := io.WriteString(w, "1")
				require.True(t, w.(*Writer).Sent())
				return err
			})
			require.Equal(t, `{"data":[1`, o.Body.String())
		})
	})
	t.Run("a flush lets it go, too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := exchange(t, Options{}, func(w http.ResponseWriter) error {
				_ = responds(200, "application/json", `{"data":[`)(w)
				<-time.After(bodyTimeout + time.Millisecond)
				return w.(*Writer).FlushError()
			})
			require.True(t, o.sentEarly)
			require.True(t, o.Flushed)
		})
	})
	t.Run("a failure has two seconds from its header on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			started := time.Now()
			o := exchange(t, Options{Cancel: cancel}, func(w http.ResponseWriter) error {
				_ = responds(200, "application/json", `{`)(w)
				<-time.After(time.Second)
				_, _ = io.WriteString(w, `"success":false,`)
				<-ctx.Done()
				panic(http.ErrAbortHandler)
			})
			o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
			require.Equal(t, bodyTimeout, time.Since(started))
		})
	})
}

func TestSoftAborted(t *testing.T) {
	abort := func(body string) func(w http.ResponseWriter) error {
		return func(w http.ResponseWriter) error {
			_ = responds(200, "application/json", body)(w)
			panic(http.ErrAbortHandler)
		}
	}
	o := exchange(t, Options{}, abort(`{"data":[`))
	require.Equal(t, http.ErrAbortHandler, o.panicked, "the client sees a cut")
	require.Equal(t, `{"data":[`, o.Body.String(), "behind what there was")
	require.True(t, o.Flushed, "which must not wait in a buffer")

	o = exchange(t, Options{}, abort(`{"success":false,`))
	o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())
	require.Equal(t, DroppedBroken, o.report.Dropped)
}

func TestSoftReadFrom(t *testing.T) {
	for body, status := range map[string]int{`{"a":1,"success":true}` + strings.Repeat(" ", 10000): 200, `{"success":false}`: 400, `{"a":1`: 200} {
		o := exchange(t, Options{}, func(w http.ResponseWriter) error {
			w.Header().Set("Content-Type", "application/vnd.api+json")
			n, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(strings.NewReader(body), 1<<20))
			require.EqualValues(t, len(body), n)
			return err
		})
		require.Equal(t, status, o.Code)
		if status == 200 {
			require.Equal(t, body, o.Body.String())
		}
	}
}

// TestSoftEncoded: a backend that encodes although it was not asked to is looked at all the same.
func TestSoftEncoded(t *testing.T) {
	long := strings.Repeat("x", 2*DefaultMaxBody)
	for name := range encoders {
		coding := strings.TrimPrefix(name, "raw ")
		headers := []string{"Content-Encoding", coding}
		encode := func(body string) string { return string(encoded(t, name, strings.NewReader(body))) }
		t.Run(name, func(t *testing.T) {
			var seen []bool
			failure := encode(`{"success":false,"errors":[{"message":"no"}]}`)
			o := exchange(t, Options{}, pieces(&seen, headers, failure[:7], failure[7:]))
			o.requireMapped(t, 400, refusal.CodeInvalid, "no")
			require.Empty(t, o.Header().Get("Content-Encoding"))

			o = exchange(t, Options{}, pieces(&seen, headers, encode(`{"success":false,"message":"no","padding":"`+long+`"}`)))
			o.requireMapped(t, 400, refusal.CodeInvalid, refusal.CodeInvalid.Message())

			success := encode(`{"success":true}`)
			o = exchange(t, Options{}, pieces(&seen, headers, success))
			require.Equal(t, success, o.Body.String(), "byte for byte, encoded as it came")
			require.Equal(t, coding, o.Header().Get("Content-Encoding"))

			for _, rows := range []string{long, noise(2 * DefaultMaxBody)} {
				undecided := encode(`{"rows":"` + rows + `"}`)
				o = exchange(t, Options{}, pieces(&seen, headers, undecided))
				require.True(t, undecided == o.Body.String(), "byte for byte")
			}
		})
	}
	t.Run("a success streams on as soon as it says so", func(t *testing.T) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, `{"success":true,"rows":[`)
		require.NoError(t, z.Flush())
		var seen []bool
		exchange(t, Options{}, pieces(&seen, []string{"Content-Encoding", "gzip"}, b.String()[:12], b.String()[12:], "later"))
		require.Equal(t, []bool{false, true, true}, seen)
	})
	t.Run("an unknown encoding passes", func(t *testing.T) {
		var seen []bool
		o := exchange(t, Options{}, pieces(&seen, []string{"Content-Encoding", "unknown"}, "abc"))
		require.Equal(t, "abc", o.Body.String())
	})
}

// noise is text that cannot be compressed.
func noise(n int) string {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(text)
	return string(text)
}
