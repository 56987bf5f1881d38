package route

import (
	"errors"
	"net/http"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// Bounds that keep a table, and every search in it, small.
const (
	// MaxRoutes is how many routes a table holds at most.
	MaxRoutes = 10_000
	// MaxSegments is how many segments a template has at most.
	MaxSegments = 32
	// MaxLiteral is the longest literal segment, in decoded bytes.
	MaxLiteral = 128
)

// ErrScopeParam refuses a request whose path parameter stands in a needed scope and is no scope segment: it is not
// [A-Za-z0-9_-]+, or makes the scope longer than any key could hold. It is answered with 403.
var ErrScopeParam = errors.New("the value of a path parameter cannot stand in the scope that the route needs")

// ErrTooComplex refuses a request that takes more steps to hold against a document than any request gets.
var ErrTooComplex = errors.New("it takes too long to hold it against the API's description: send less at once")

// Route is a set of requests and what they need. New checks it and keeps a copy.
type Route struct {
	// Methods are the methods it takes, at least one, in capitals. GET takes HEAD as well. TRACE and CONNECT are errors.
	Methods []string
	// Pattern is the template of its paths, such as "/leads/:id" or "/files/*".
	Pattern string
	// Scopes are what a key must hold, all of them; none: any valid key will do. A segment ":name" stands for the value
	// of that parameter.
	Scopes []string
	// Cost is what a request takes from every window, from 1 to record.MaxLimit; 0 is the default, 1. It is 0 for
	// routes that are Public, Whoami or Describes: they spend nothing.
	Cost int64
	// BodyLimit is the longest JSON body that policies read, in bytes; 0: they do not read the body.
	BodyLimit int64
	// Public routes need no key. They take neither scopes nor cost nor body.
	Public bool
	// Limit is how many requests of a public route one client address may send in the window; zero: any number. Of a route that describes it
	// holds for each key as well.
	Limit record.Window
	// Whoami routes are answered by the gateway itself, for any valid key. They take neither scopes nor cost nor body.
	Whoami bool
	// Describes routes are answered by the gateway itself: they tell callers what they may call, and need no key. They take neither scopes
	// nor cost nor body.
	Describes bool
	// MCP routes are answered by the gateway itself, for keys that the policies let through. They take neither scopes nor body, and
	// cost nothing unless Cost says so. One that is Public as well says how to authenticate at the others.
	MCP bool
	// Closed routes are unknown. Others that stand back, as they do, take their requests no more than they take those of other routes.
	Closed bool
	// Deprecation says that callers are to leave the route; nil: they are not.
	Deprecation *Deprecation
	// Validator holds its requests against a document; nil: they are not.
	Validator Validator
	// Described is what a document says of the route, for who tells callers of it; nil: nothing. It is an *openapi.Operation, which
	// openapi.OperationOf gives; this package does not look at it.
	Described any
	// Answers holds what the backend answers against a document; nil: it is not.
	Answers Answers
	// Source is where the configuration says so, such as "Caddyfile:12"; errors begin with it.
	Source string
}

// Validator holds the requests of a route against what describes them.
type Validator interface {
	// ReadsBody reports whether Check wants the body of a request with that header.
	ReadsBody(h http.Header) bool
	// Check says what is wrong with a request. Body is nil where there is none, or none is wanted. The error says why it could
	// not be checked; callers may see it.
	Check(params []Param, rawQuery string, h http.Header, body []byte) ([]Problem, error)
}

// ErrUndeclared is told of an answer whose status the document does not declare.
var ErrUndeclared = errors.New("the document does not declare the status of the answer")

// Answers holds the answers of a route against what describes them.
type Answers interface {
	// Reads reports whether Check wants the body of an answer with that status and Content-Type.
	Reads(status int, contentType string) bool
	// Check says what is wrong with an answer: names in its body that the document does not have become "*". ContentType is empty
	// where the answer has no body; body is nil then, and where none is wanted. The error is ErrUndeclared, or ErrTooComplex.
	Check(status int, contentType string, body []byte) ([]Problem, error)
}

// Problem is something that is wrong with a request, or an answer.
type Problem struct {
	// Field is the parameter, or the place in the body: names and indices with dots between them; "body" is the whole.
	Field string
	// Text says what is wrong, and what would be right. It repeats no value.
	Text string
	// Place is the file and line of the schema that says so, for operators; empty: the operation does.
	Place string
}

// Param is a parameter of a path.
type Param struct {
	// Name is the parameter's name in the template, "*" for the wildcard.
	Name string
	// Value is what stands in its place, percent-decoded; never empty.
	Value string
}

// Match is what the table says of one request. It may be used again for the next one; Params and Scopes are then
// overwritten.
type Match struct {
	// Route is the route; nil where there is none.
	Route *Route
	// Params are the values of its parameters, in the order of the template.
	Params []Param
	// Scopes are the scopes needed, with the values of the parameters they name. They are not to be changed.
	Scopes []string

	filled []string // backs Scopes where there are parameters in them: those of a Route are shared
}
