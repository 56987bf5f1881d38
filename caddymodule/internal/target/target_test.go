package target

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parse judges a target as net/http would hand it over, or as it is where net/http would have refused it.
func parse(requestURI string) (Target, error) {
	escaped := requestURI
	if u, err := url.ParseRequestURI(requestURI); err == nil {
		escaped = u.EscapedPath()
	} else {
		escaped, _, _ = strings.Cut(requestURI, "?")
	}
	return Parse(requestURI, escaped)
}

func TestParseKeepsTheVeryBytes(t *testing.T) {
	for name, want := range map[string]Target{
		"the root":                       {"/", ""},
		"a path":                         {"/api/v2/agent/leads", ""},
		"a final slash":                  {"/api/", ""},
		"a query":                        {"/a", "x=1&y=&z"},
		"a query with a question mark":   {"/a", "x=1?y=2"},
		"a query that looks like a path": {"/a", "/../b//c;%2e"},
		"a query with raw non-ASCII":     {"/a", "name=é"},
		"unreserved characters":          {"/a-b.c_d~e", ""},
		"sub-delimiters, colon, at sign and bracket": {"/!$&'()*+,=:@[]", ""},
		"upper-case letters":                         {"/API", ""},
		"encoded UTF-8 in upper-case hex":            {"/caf%C3%A9", ""},
		"encoded UTF-8 in lower-case hex":            {"/caf%c3%a9", ""},
		"encoded UTF-8 of two, three and four bytes": {"/%C2%80%E2%82%AC%F0%9F%98%80", ""},
		"an encoded replacement character":           {"/%EF%BF%BD", ""},
		"an encoded space":                           {"/a%20b", ""},
		"an encoded percent":                         {"/100%25", ""},
		"a doubly encoded dot segment":               {"/%252e%252e/x", ""},
		"a doubly encoded slash":                     {"/a%252fb", ""},
		"an encoded semicolon, question mark, hash":  {"/%3B%3F%23", ""},
		"a parameter of a segment":                   {"/a%3Bv=1/b..%3Bc/...%3B/%3B../x", ""},
		"a doubly encoded semicolon":                 {"/..%253B/x", ""},
		"three dots":                                 {"/.../x", ""},
		"a hidden file":                              {"/.well-known/x", ""},
		"dots inside a segment":                      {"/a..b/c.", ""},
	} {
		t.Run("accepts/"+name, func(t *testing.T) {
			requestURI := want.Path
			if want.RawQuery != "" {
				requestURI += "?" + want.RawQuery
			}
			got, err := parse(requestURI)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseGivesUnknownRoutesAnEmptyPath(t *testing.T) {
	for name, test := range map[string]struct {
		requestURI, escapedPath string
		want                    Target
	}{
		"asterisk-form":              {"*", "*", Target{}},
		"empty target":               {"", "", Target{}},
		"empty path, with a query":   {"?x=1", "", Target{RawQuery: "x=1"}},
		"empty query after the path": {"/a?", "/a", Target{Path: "/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(test.requestURI, test.escapedPath)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		requestURI string
		want       *Malformed
	}{
		"absolute-form":                        {"http://other/x", errForm},
		"absolute-form without a path":         {"http://other", errForm},
		"authority-form":                       {"example.com:443", errForm},
		"asterisk-form with a query":           {"*?x", errForm},
		"asterisk-form with more":              {"*/x", errForm},
		"no leading slash":                     {"a/b", errForm},
		"two leading slashes":                  {"//a/b", errEmptySegment},
		"two slashes":                          {"/a//b", errEmptySegment},
		"two final slashes":                    {"/a//", errEmptySegment},
		"only slashes":                         {"//", errEmptySegment},
		"dot segment first":                    {"/./a/b", errDotSegment},
		"dot segment last":                     {"/a/.", errDotSegment},
		"dot segment with a final slash":       {"/a/./", errDotSegment},
		"parent segment":                       {"/x/../a/b", errDotSegment},
		"parent segment first":                 {"/../a", errDotSegment},
		"parent segment last":                  {"/a/..", errDotSegment},
		"parent segment before the query":      {"/a/..?x", errDotSegment},
		"path parameter":                       {"/a;x=1/b", errSemicolon},
		"parent segment with a parameter":      {"/a/..;/b", errSemicolon},
		"parent before an encoded semicolon":   {"/health/..%3B/x", errDotSegment},
		"the same in lower case":               {"/health/..%3b/x", errDotSegment},
		"the same last":                        {"/a/..%3Bv=1", errDotSegment},
		"the same before two of them":          {"/a/..%3B%3B/x", errDotSegment},
		"dot before an encoded semicolon":      {"/a/.%3B/x", errDotSegment},
		"encoded dots before one":              {"/a/%2e%2e%3B/x", errOverEncoded},
		"backslash":                            {`/a\b`, errBackslash},
		"backslash parent":                     {`/a/..\b`, errBackslash},
		"encoded slash":                        {"/a%2Fb", errEncodedSlash},
		"encoded slash in lower case":          {"/a%2fb", errEncodedSlash},
		"encoded leading slash":                {"%2Fa%2Fb", errForm},
		"encoded second slash":                 {"/%2Fa", errEncodedSlash},
		"encoded backslash":                    {"/a%5Cb", errEncodedBackslash},
		"encoded backslash in lower case":      {"/a%5cb", errEncodedBackslash},
		"encoded NUL":                          {"/a%00", errEncodedControl},
		"encoded CR":                           {"/a%0d", errEncodedControl},
		"encoded LF":                           {"/a%0A", errEncodedControl},
		"encoded unit separator":               {"/a%1f", errEncodedControl},
		"encoded DEL":                          {"/a%7F", errEncodedControl},
		"raw NUL":                              {"/a\x00", errControl},
		"raw tab":                              {"/a\tb", errControl},
		"raw CRLF":                             {"/a\r\nX: y", errControl},
		"raw DEL":                              {"/a\x7f", errControl},
		"encoded letter":                       {"/%61/b", errOverEncoded},
		"encoded upper-case letter":            {"/%5A", errOverEncoded},
		"encoded digit":                        {"/%39", errOverEncoded},
		"encoded dot":                          {"/%2e/a", errOverEncoded},
		"encoded parent segment":               {"/a/%2e%2E/b", errOverEncoded},
		"half encoded parent segment":          {"/a/.%2e/b", errOverEncoded},
		"encoded hyphen":                       {"/%2D", errOverEncoded},
		"encoded underscore":                   {"/%5f", errOverEncoded},
		"encoded tilde":                        {"/%7E", errOverEncoded},
		"raw non-ASCII":                        {"/é", errNonASCII},
		"raw full-width dots":                  {"/．．/x", errNonASCII},
		"raw invalid UTF-8":                    {"/\xff", errNonASCII},
		"raw space":                            {"/a b", errRespelled},
		"pipe":                                 {"/a|b", errRespelled},
		"pipe after an encoding":               {"/a%20b|c", errRespelled},
		"braces":                               {"/{id}", errRespelled},
		"caret, quote and backquote":           {"/^\"`", errRespelled},
		"angle brackets":                       {"/<a>", errRespelled},
		"fragment":                             {"/a#b", errRespelled},
		"percent alone":                        {"/a%", errPathEncoding},
		"percent and one digit":                {"/a%2", errPathEncoding},
		"percent and no digits":                {"/a%zz", errPathEncoding},
		"percent, digit and no digit":          {"/a%2g", errPathEncoding},
		"percent before the query":             {"/a%?20", errPathEncoding},
		"percent-u encoding":                   {"/a%u002e", errPathEncoding},
		"overlong slash":                       {"/a%c0%afb", errUTF8},
		"overlong dot":                         {"/%c0%ae%c0%ae/a", errUTF8},
		"overlong NUL of three bytes":          {"/%e0%80%80", errUTF8},
		"lone continuation byte":               {"/%80", errUTF8},
		"character cut short by the end":       {"/%E2%82", errUTF8},
		"character cut short by a raw byte":    {"/%E2%82a", errUTF8},
		"character cut short by a slash":       {"/%C3/%A9", errUTF8},
		"encoded surrogate":                    {"/%ED%A0%80", errUTF8},
		"beyond the last character":            {"/%F4%90%80%80", errUTF8},
		"invalid UTF-8 after a good character": {"/%C3%A9%A9", errUTF8},
		"space in the query":                   {"/a?x HTTP/1.0", errQueryEnd},
		"line feed in the query":               {"/a?x\nHost: y", errQueryEnd},
		"carriage return in the query":         {"/a?x\ry", errQueryEnd},
		"fragment in the query":                {"/a?x=1#&y=2", errQueryEnd},
		"NUL in the query":                     {"/a?\x00", errQueryEnd},
		"DEL in the query of an empty path":    {"?\x7f", errQueryEnd},
	} {
		t.Run("refuses/"+name, func(t *testing.T) {
			got, err := parse(test.requestURI)
			require.Equal(t, test.want, err)
			require.Zero(t, got, "nothing of a refused target may be used")
		})
	}
}

// Go escapes the decoded path anew where it holds a byte that is not legal; a rewrite may have changed it altogether.
func TestParseRefusesAPathThatGoesUpstreamInOtherBytes(t *testing.T) {
	for _, escapedPath := range []string{"/a/b", "/a%2fb", "/A%20b", "/a%20b/", "", "*"} {
		got, err := Parse("/a%20b", escapedPath)
		require.Equal(t, errRespelled, err, escapedPath)
		require.Zero(t, got)
	}
	for _, requestURI := range []string{"", "?x"} {
		_, err := Parse(requestURI, "/")
		require.Equal(t, errRespelled, err, "an empty path does not become the root")
	}
	_, err := Parse("*", "/")
	require.Equal(t, errForm, err)
}

func TestCheckQuery(t *testing.T) {
	for _, accepted := range []string{"", "a=1&a=2", "a", "=&&=", "a=%3B%00%ff", "a=b+c", "name=é", "a[]=1", `f={"x":"y"}`} {
		require.NoError(t, CheckQuery(accepted), accepted)
	}
	for refused, want := range map[string]*Malformed{
		";":          errQuerySemicolon,
		"a=1;b=2":    errQuerySemicolon,
		"a=%3b;":     errQuerySemicolon,
		"%":          errQueryEncoding,
		"a=%2":       errQueryEncoding,
		"a=%zz&b":    errQueryEncoding,
		"a=100%&b=1": errQueryEncoding,
		"a=%20%2g":   errQueryEncoding,
		"%%20":       errQueryEncoding,
	} {
		require.Equal(t, want, CheckQuery(refused), refused)
	}
}

func TestMalformedSaysNothingOfTheCaller(t *testing.T) {
	const marker = "zzmarkerzz"
	for _, requestURI := range []string{marker, "/" + marker + "//", "/" + marker + "?" + marker + "#"} {
		_, err := parse(requestURI)
		require.Error(t, err)
		require.NotContains(t, err.Error(), marker)
	}
}

func TestAppendDecoded(t *testing.T) {
	for part, want := range map[string]string{
		"":             "",
		"abc":          "abc",
		"a%20b":        "a b",
		"%C3%a9":       "é",
		"%252e":        "%2e",
		"%%41%4":       "%A%4",
		"%zz%":         "%zz%",
		"%25%32%66":    "%2f",
		"+%2B":         "++",
		"%00%ff":       "\x00\xff",
		"a%20b%20c%20": "a b c ",
	} {
		require.Equal(t, "x"+want, string(AppendDecoded([]byte("x"), part)), part)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, requestURI := range []string{
		"/api/v2/agent/leads/l1?from=2026-01-01", "/caf%C3%A9/a%20b", "/", // accepted
		"/a//b", "/%61", "/a?x y", "http://other/", // refused
	} {
		path, _, _ := strings.Cut(requestURI, "?")
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if parsed, err := Parse(requestURI, path); err == nil {
				_ = CheckQuery(parsed.RawQuery)
			}
		}), requestURI)
	}
}
