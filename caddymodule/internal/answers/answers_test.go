package answers_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/answers"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// document takes bodies that are "good", waits for gate, and panics at "panic".
type document struct{ gate chan struct{} }

func (document) Reads(status int, kind string) bool { return kind == "application/json" }
func (d document) Check(status int, kind string, body []byte) ([]route.Problem, error) {
	if d.gate != nil {
		<-d.gate
	}
	switch {
	case status == 418:
		return nil, route.ErrUndeclared
	case string(body) == "panic":
		panic("a mistake in the check")
	case string(body) == "hard":
		return nil, errors.New("too hard")
	case kind != "" && string(body) != "good":
		return []route.Problem{{Field: "body", Text: "Expected good"}}, nil
	}
	return nil, nil
}

func header(kind, coding string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{"Content-Type": kind, "Content-Encoding": coding} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestResults(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	for name, c := range map[string]struct {
		kind, coding, body string
		status             int
		cut                bool
		want               answers.Result
	}{
		"as described":                  {json, "", "good", 200, false, answers.AsDescribed},
		"broken":                        {json, "", "bad", 200, false, answers.Broken},
		"without a body":                {json, "", "", 200, false, answers.AsDescribed},
		"another kind":                  {"text/csv", "", "good", 200, false, answers.Broken},
		"no kind":                       {"", "", "bad", 200, false, answers.Broken},
		"undeclared status":             {json, "", "good", 418, false, answers.Undeclared},
		"as long as may be":             {json, "", strings.Repeat("x", answers.MaxBody), 200, false, answers.Broken},
		"too long":                      {json, "", strings.Repeat("x", answers.MaxBody+1), 200, false, answers.TooLarge},
		"too many steps":                {json, "", "hard", 200, false, answers.TooLarge},
		"cut":                           {json, "", "go", 200, true, answers.Cut},
		"encoded and good":              {json, "gzip", zipped("good"), 200, false, answers.AsDescribed},
		"encoded and bad":               {json, "GZIP", zipped("bad"), 200, false, answers.Broken},
		"encoded and too long":          {json, "gzip", zipped(strings.Repeat("x", answers.MaxBody+1)), 200, false, answers.Encoded},
		"an encoding that nobody knows": {json, "compress", "good", 200, false, answers.Encoded},
		"a check that panics":           {json, "", "panic", 200, false, answers.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var checks answers.Checks
				a := checks.Begin(document{}, c.status, header(c.kind, c.coding))
				for part := range strings.SplitAfterSeq(c.body, "o") {
					a.Saw([]byte(part))
				}
				var got answers.Result
				a.End(!c.cut, func(result answers.Result, _ []route.Problem) { got = result })
				synctest.Wait()
				require.Equal(t, c.want, got)
			})
		})
	}
}

// TestBounds: so many answers wait for their check, and so many bytes are kept, at most; when they are checked there is room again.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checks answers.Checks
		got := map[answers.Result]int{}
		gate := make(chan struct{})
		said := make(chan answers.Result, 1000)
		end := func(a *answers.Answer) { a.End(true, func(r answers.Result, _ []route.Problem) { said <- r }) }
		count := func() {
			synctest.Wait()
			for len(said) > 0 {
				got[<-said]++
			}
		}
		for range 300 {
			a := checks.Begin(document{gate}, 200, header("application/json", ""))
			a.Saw([]byte("good"))
			end(a)
			synctest.Wait()
		}
		count()
		require.Equal(t, map[answers.Result]int{answers.Busy: 300 - 256 - 1}, got, "one is being checked, 256 wait")
		close(gate)
		count()
		require.Equal(t, 257, got[answers.AsDescribed])

		clear(got)
		var open []*answers.Answer
		for range 130 { // of 256 KiB: 128 of them are 32 MiB
			a := checks.Begin(document{}, 200, header("application/json", ""))
			a.Saw(make([]byte, answers.MaxBody))
			open = append(open, a)
		}
		for _, a := range open[:129] {
			end(a)
		}
		open[129].Forget()
		count()
		require.Equal(t, map[answers.Result]int{answers.Broken: 128, answers.Busy: 1}, got)
		a := checks.Begin(document{}, 200, header("application/json", ""))
		a.Saw(make([]byte, answers.MaxBody))
		end(a)
		count()
		require.Equal(t, 129, got[answers.Broken], "and then there is room again")
	})
}
