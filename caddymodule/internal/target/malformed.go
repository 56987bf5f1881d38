package target

// Malformed refuses a request target. It is answered with 400.
type Malformed struct {
	// Reason says what is wrong, from a closed set of constants: it holds nothing that the caller sent and is safe to show.
	Reason string
}

// Error is the reason, after what it is about.
func (m *Malformed) Error() string { return "malformed request target: " + m.Reason }

// The closed set. Each is built once, so that refusing costs no allocation.
var (
	errForm             = &Malformed{"it is not in origin-form: send a path that begins with a slash"}
	errRespelled        = &Malformed{"the path holds a character that must be percent-encoded"}
	errEmptySegment     = &Malformed{"the path has an empty segment"}
	errDotSegment       = &Malformed{"the path has a dot segment"}
	errSemicolon        = &Malformed{"the path holds a semicolon"}
	errBackslash        = &Malformed{"the path holds a backslash"}
	errControl          = &Malformed{"the path holds a control character"}
	errNonASCII         = &Malformed{"the path holds non-ASCII bytes that are not percent-encoded"}
	errEncodedSlash     = &Malformed{"the path holds an encoded slash"}
	errEncodedBackslash = &Malformed{"the path holds an encoded backslash"}
	errEncodedControl   = &Malformed{"the path holds an encoded control character"}
	errOverEncoded      = &Malformed{"the path encodes a character that needs no encoding"}
	errUTF8             = &Malformed{"the path is not valid UTF-8"}
	errPathEncoding     = &Malformed{"the path holds an incomplete percent-encoding"}
	errQueryEnd         = &Malformed{"the query holds white space, a control character or '#'"}
	errQuerySemicolon   = &Malformed{"the query holds a semicolon: separate parameters by '&'"}
	errQueryEncoding    = &Malformed{"the query holds an incomplete percent-encoding"}
)
