package refusal

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Catalogue() {
		t.Run(k.Reason, func(t *testing.T) {
			require.Regexp(t, regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), k.Reason)
			require.False(t, seen[k.Reason], "reasons are unique")
			seen[k.Reason] = true
			require.True(t, k.Code.Known())
			require.Regexp(t, regexp.MustCompile(`^[A-Z][^|%{}]*[.]$`), k.Message, "fixed text, fit for a table")
			require.Regexp(t, regexp.MustCompile("^[A-Z][^|]*[.]$"), k.Advice)
			require.JSONEq(t, fmt.Sprintf(`{"success": false, "error": {"code": %q, "message": %q, "details": %s}}`, k.Code, k.Message, fixedDetails(k)),
				string((&Refusal{Kind: k}).JSON()))
			if k.Status == 0 {
				return
			}
			require.Equal(t, k.Status, (&Refusal{Kind: k, Status: 418}).StatusCode(), "the row's status stands")
			require.Equal(t, k.Code, CodeOf(k.Status), "code and status fit")
		})
	}
	require.NotSame(t, &Catalogue()[0], &Catalogue()[0], "a copy: the catalogue is closed")
}

// fixedDetails are the details of a refusal that was given none.
func fixedDetails(k *Kind) string {
	if slices.Equal(k.Details, []string{"retry_after_seconds"}) {
		return `{"retry_after_seconds": 1}`
	}
	return "null"
}

func TestMarkdown(t *testing.T) {
	table := Markdown()
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	require.Len(t, lines, len(kinds)+2)
	require.Contains(t, table, "| `over_limit` | 429 | `RATE_LIMITED` | The workspace's rate limit is used up. | retry_after_seconds | Wait for Retry-After, then retry. |\n")
	for _, line := range lines {
		require.Equal(t, 7, strings.Count(line, "|"), line)
	}
}

func TestPolicyKind(t *testing.T) {
	require.Same(t, PolicyForbidden, PolicyKind("FORBIDDEN"))
	require.Same(t, PolicyNotFound, PolicyKind("NOT_FOUND"))
	require.Same(t, PolicyInvalid, PolicyKind("VALIDATION_ERROR"))
	for _, code := range []Code{"", "RATE_LIMITED", "UNAUTHORIZED", "INTERNAL_ERROR", "forbidden", "X"} {
		require.Same(t, PolicyFailed, PolicyKind(code), "a policy that says %q is malformed", code)
	}
}

func TestHandlerError(t *testing.T) {
	cause := errors.New("secret")
	for status, kind := range map[int]*Kind{
		0: Internal, 200: Internal, 399: Internal, 600: Internal, 400: HandlerInvalid, 401: HandlerUnauthorized, 402: HandlerForbidden,
		403: HandlerForbidden, 404: HandlerNotFound, 405: HandlerNotFound, 408: BodyLate, 413: BodyTooLarge, 416: HandlerInvalid,
		429: HandlerLimited, 500: Internal, 501: HandlerFailed, 502: UpstreamUnreachable, 503: UpstreamUnavailable, 504: UpstreamTimeout,
	} {
		r := HandlerError(status, cause)
		require.Same(t, kind, r.Kind, "%d", status)
		require.NotContains(t, string(r.JSON()), "secret")
		require.ErrorIs(t, r, cause)
		if status >= 400 && status < 600 {
			require.Equal(t, status, r.StatusCode())
			require.Equal(t, CodeOf(status), r.Code())
		} else {
			require.Equal(t, 500, r.StatusCode())
		}
	}
}

func TestCodeOf(t *testing.T) {
	want := map[int]Code{401: CodeUnauthorized, 402: CodeForbidden, 403: CodeForbidden, 451: CodeForbidden, 404: CodeNotFound, 405: CodeNotFound, 410: CodeNotFound, 429: CodeRateLimited}
	for status := 400; status <= 599; status++ {
		code, ok := want[status]
		if !ok {
			code = CodeInvalid
		}
		if status >= 500 {
			code = CodeInternal
		}
		require.Equal(t, code, CodeOf(status), "%d", status)
	}
	for _, status := range []int{-1, 0, 99, 200, 399, 600, 999} {
		require.Equal(t, CodeInternal, CodeOf(status))
	}
	for _, c := range Codes() {
		require.True(t, c.Known())
		require.Equal(t, c, CodeOf(c.Status()))
		require.NotEmpty(t, c.Message())
	}
	require.Len(t, Codes(), 6)
	require.False(t, Code("").Known())
	require.Equal(t, http.StatusInternalServerError, Code("X").Status())
	require.Equal(t, CodeInternal.Message(), Code("X").Message())
}
