package refusal

import (
	"net/http"
	"strconv"
	"strings"
)

// Kind is one row of the catalogue: one thing that the gateway can say. The set is closed; every refusal is of a kind.
type Kind struct {
	// Reason names the row: the label of metrics and logs, in snake_case. It is unique.
	Reason string
	// Code is what the caller acts on.
	Code Code
	// Status is the HTTP status; 0: that of the error which a later handler returned (Refusal.Status).
	Status int
	// Message is the fixed text for people. It holds nothing of the request, the configuration or the backend.
	Message string
	// Details are the keys that `error.details` may have. None: details are null.
	Details []string
	// Advice says what the caller should do.
	Advice string

	body []byte // the whole envelope with the fixed message and null details
}

// PolicyDetails stands in Kind.Details where the policy chooses the keys.
const PolicyDetails = "(the policy's own)"

// FieldDetails stands in Kind.Details where the keys are the fields at fault.
const FieldDetails = "(the fields at fault)"

const (
	retryAfter = "retry_after_seconds"
	fixRequest = "Correct the request; sent again unchanged, it fails again."
	askOwner   = "Do not retry; ask the owner of the workspace."
	waitRetry  = "Wait for Retry-After, then retry."
	backOff    = "Retry later, with growing pauses; report it with the X-Request-Id if it persists."
	report     = "Report it with the X-Request-Id."
)

// The catalogue, in the order of a request's way through the gateway.
var (
	// MalformedTarget: the request target is not canonical. Details: why.
	MalformedTarget = row("malformed_target", CodeInvalid, 400, "The request target is not in canonical form.", fixRequest, "reason")
	// MalformedQuery: the query is not canonical. Details: why.
	MalformedQuery = row("malformed_query", CodeInvalid, 400, "The query is not well formed.", fixRequest, "reason")
	// Unauthorized: no key, or not a good one. One message for all reasons.
	Unauthorized = row("unauthorized", CodeUnauthorized, 401, "A valid API key is required.", "Send `Authorization: Bearer <key>` with a key that is neither expired nor revoked.")
	// AuthThrottled: too many 401 and malformed targets from one address.
	AuthThrottled = row("auth_throttled", CodeRateLimited, 429, "Too many failed requests from this address.", "Wait for Retry-After; check the key.", retryAfter)
	// AddressOverLimit: a public route's limit of one client address is used up.
	AddressOverLimit = row("address_over_limit", CodeRateLimited, 429, "Too many requests from this address.", waitRetry, retryAfter)
	// KeyOverLimit: a key asked too often what it may do.
	KeyOverLimit = row("key_over_limit", CodeRateLimited, 429, "Too many requests for descriptions with this key.", waitRetry, retryAfter)
	// KeyStoreUnavailable: nobody can say whether the key is good.
	KeyStoreUnavailable = row("key_store_unavailable", CodeInternal, 503, "The key cannot be checked at the moment.", waitRetry)
	// RefusalsThrottled: a good key collected too many refusals.
	RefusalsThrottled = row("refusals_throttled", CodeRateLimited, 429, "Too many refused requests with this key.", "Wait for Retry-After; stop sending what is refused.", retryAfter)
	// Suspended: an operator suspended the key's workspace. Why is not the caller's to know.
	Suspended = row("suspended", CodeForbidden, 403, "The workspace of this key is suspended.", askOwner, "reason")
	// BodyTooLarge: more than the route or the server takes.
	BodyTooLarge = row("body_too_large", CodeInvalid, 413, "The request body is too large.", "Send a smaller body.")
	// BodyLate: the body did not arrive in time.
	BodyLate = row("body_late", CodeInvalid, 408, "The request body did not arrive in time.", "Retry; send the body without pauses.")
	// BodyMalformed: the body broke off, or is not one JSON value as the route asks for. Details: why.
	BodyMalformed = row("body_malformed", CodeInvalid, 400, "The request body is incomplete or not well formed.", fixRequest, "reason")
	// NotAsDescribed: the request is not as the site's document describes it.
	NotAsDescribed = row("not_as_described", CodeInvalid, 400, "The request is not as the API's description asks for.", fixRequest, FieldDetails)
	// TooComplex: the request takes too long to hold against the site's document. Details: why.
	TooComplex = row("too_complex", CodeInvalid, 400, "The request is too complex to be checked.", "Send less at once.", "reason")
	// MCPMessage: what was sent to the MCP endpoint is no message that it takes. Details, where there are any: why.
	MCPMessage = row("mcp_message", CodeInvalid, 400, "The message is not one that this MCP server takes.", fixRequest, "reason")
	// MCPOrigin: a page of another origin sent the message.
	MCPOrigin = row("mcp_origin", CodeForbidden, 403, "Pages of this origin may not use the MCP server.", "Have the operator write the origin into `origins` of mcp.")
	// MCPTool: the key may call no tool of that name, whether there is one or not.
	MCPTool = row("mcp_tool", CodeForbidden, 403, "There is no such tool for this key.", "Ask tools/list which there are.")
	// MCPResult: what a tool answered is longer than may be passed on. Details: how long that is, in bytes.
	MCPResult = row("mcp_result", CodeInternal, 502, "The answer is longer than this MCP server passes on.", "Ask for less at once: a filter, a smaller page.", "max_result")
	// PolicyForbidden: a policy refused with FORBIDDEN. The policy may give message and details.
	PolicyForbidden = row("policy_forbidden", CodeForbidden, 403, CodeForbidden.Message(), askOwner, "missing_scopes", "reason", "address", "plan", PolicyDetails)
	// PolicyNotFound: a policy refused with NOT_FOUND. The policy may give message and details.
	PolicyNotFound = row("policy_not_found", CodeNotFound, 404, CodeNotFound.Message(), "Check path and id.", PolicyDetails)
	// PolicyInvalid: a policy refused with VALIDATION_ERROR. The policy may give message and details.
	PolicyInvalid = row("policy_invalid", CodeInvalid, 400, CodeInvalid.Message(), fixRequest, PolicyDetails)
	// PolicyFailed: the decision is undefined, malformed, failing or late.
	PolicyFailed = row("policy_failed", CodeInternal, 500, "The request could not be judged because of an internal error.", report)
	// PolicyBusy: too many decisions were to be made before this one.
	PolicyBusy = row("policy_busy", CodeInternal, 503, "The request cannot be judged at the moment.", waitRetry)
	// ClientLeft: the client closed the connection before its request was judged. Nobody reads the answer.
	ClientLeft = row("client_left", CodeInvalid, 499, "The client left before its request was judged.", "Wait for the answer.")
	// ScopeParameter: a path parameter that a scope needs is not [A-Za-z0-9_-]+.
	ScopeParameter = row("scope_parameter", CodeForbidden, 403, "The path does not name anything that a scope could cover.", "Correct the path.")
	// UnknownRoute: no route matches, and the key is good.
	UnknownRoute = row("unknown_route", CodeNotFound, 404, "There is no such route.", "Check method and path against the API's description.")
	// CostAboveLimit: the route costs more than a window ever holds.
	CostAboveLimit = row("cost_above_limit", CodeForbidden, 403, "The request costs more than the workspace's limit.", askOwner, "cost", "limit")
	// OverLimit: a window of the workspace is used up.
	OverLimit = row("over_limit", CodeRateLimited, 429, "The workspace's rate limit is used up.", waitRetry, retryAfter)
	// OverKeyLimit: a window of the key's own is used up.
	OverKeyLimit = row("over_key_limit", CodeRateLimited, 429, "The key's own rate limit is used up.", waitRetry, retryAfter)
	// OverQuota: a quota is used up. Details: its period and limit, and when the period ends.
	OverQuota = row("over_quota", CodeRateLimited, 429, "The workspace's quota is used up.", "Do not retry before `details.quota.ends`, which Retry-After leads to; ask the owner of the workspace for more.", "quota", retryAfter)
	// TooManyUnderWay: as many requests of the workspace are under way on this gateway as its plan allows. Details: how many that is.
	TooManyUnderWay = row("too_many_under_way", CodeRateLimited, 429, "Too many requests of the workspace are under way.", "Wait for one of them to end; Retry-After promises nothing.", "concurrent", retryAfter)
	// CountersUnavailable: the counters are away and the configuration says refuse.
	CountersUnavailable = row("counters_unavailable", CodeInternal, 503, "The rate limit cannot be checked at the moment.", waitRetry)
	// SecretMissing: a secret that inject needs is not there.
	SecretMissing = row("secret_missing", CodeInternal, 500, "The request could not be passed on because of an internal error.", report)
	// NestedGateway: a second gateway handler inside the first.
	NestedGateway = row("nested_gateway", CodeInternal, 500, "The gateway is not configured correctly.", report)

	// NoHandler: the site has no handler that answers.
	NoHandler = row("no_handler", CodeNotFound, 404, "There is nothing here.", "Check the path.")
	// Panic: a handler behind the gateway panicked.
	Panic = row("panic", CodeInternal, 500, CodeInternal.Message(), report)
	// Internal: anything that went wrong and has no row of its own.
	Internal = row("internal", CodeInternal, 500, CodeInternal.Message(), report)
	// UpstreamUnreachable: no connection to the backend, or it broke before an answer.
	UpstreamUnreachable = row("upstream_unreachable", CodeInternal, 502, "The backend cannot be reached.", backOff)
	// UpstreamUnavailable: no backend is healthy or has room.
	UpstreamUnavailable = row("upstream_unavailable", CodeInternal, 503, "No backend is available at the moment.", waitRetry)
	// UpstreamTimeout: the backend did not answer in time.
	UpstreamTimeout = row("upstream_timeout", CodeInternal, 504, "The backend did not answer in time.", backOff)
	// UpstreamCredential: the backend refused the credential that the gateway injects.
	UpstreamCredential = row("upstream_credential", CodeInternal, 502, "The backend refused the gateway.", report)
	// UpstreamMalformed: a status outside 100–599, or interim answers without end.
	UpstreamMalformed = row("upstream_malformed", CodeInternal, 502, "The backend did not answer properly.", backOff)

	// The errors that later handlers return, by the code of their status.
	HandlerUnauthorized = row("handler_unauthorized", CodeUnauthorized, 0, CodeUnauthorized.Message(), "Authenticate as this path asks for.")
	HandlerForbidden    = row("handler_forbidden", CodeForbidden, 0, CodeForbidden.Message(), askOwner, FieldDetails)
	HandlerNotFound     = row("handler_not_found", CodeNotFound, 0, CodeNotFound.Message(), "Check method and path.")
	HandlerInvalid      = row("handler_invalid", CodeInvalid, 0, CodeInvalid.Message(), fixRequest, FieldDetails)
	HandlerLimited      = row("handler_limited", CodeRateLimited, 0, CodeRateLimited.Message(), waitRetry)
	HandlerFailed       = row("handler_failed", CodeInternal, 0, CodeInternal.Message(), backOff)
)

// kinds is the catalogue. Only row adds to it, while the package is initialised.
var kinds []*Kind

func row(reason string, code Code, status int, message, advice string, details ...string) *Kind {
	k := &Kind{Reason: reason, Code: code, Status: status, Message: message, Details: details, Advice: advice}
	k.body = AppendEnvelope(nil, code, message, nil)
	kinds = append(kinds, k)
	return k
}

// Catalogue lists every kind, in the order of a request's way through the gateway. The kinds must not be changed.
func Catalogue() []*Kind { return append([]*Kind(nil), kinds...) }

// PolicyKind is the row for a policy's refusal. A policy that gives another code is malformed: PolicyFailed.
func PolicyKind(code Code) *Kind {
	switch code {
	case CodeForbidden:
		return PolicyForbidden
	case CodeNotFound:
		return PolicyNotFound
	case CodeInvalid:
		return PolicyInvalid
	}
	return PolicyFailed
}

// Markdown renders the catalogue as a table, for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| reason | status | code | message | details | what to do |\n|---|---|---|---|---|---|\n")
	for _, k := range kinds {
		status := "the error's"
		if k.Status != 0 {
			status = strconv.Itoa(k.Status)
		}
		b.WriteString("| `" + k.Reason + "` | " + status + " | `" + string(k.Code) + "` | " + k.Message + " | " +
			strings.Join(k.Details, ", ") + " | " + k.Advice + " |\n")
	}
	return b.String()
}

// handlerKinds are the rows for errors with a status of their own.
var handlerKinds = map[int]*Kind{
	http.StatusRequestEntityTooLarge: BodyTooLarge,
	http.StatusRequestTimeout:        BodyLate,
	http.StatusInternalServerError:   Internal,
	http.StatusBadGateway:            UpstreamUnreachable,
	http.StatusServiceUnavailable:    UpstreamUnavailable,
	http.StatusGatewayTimeout:        UpstreamTimeout,
}

// HandlerError is the refusal for an error that a later handler returned, with the status it asked for. The error's text
// goes to the log only. A status that is no error's, or none at all, is Internal.
func HandlerError(status int, cause error) *Refusal {
	if status < 400 || status > 599 {
		return &Refusal{Kind: Internal, Cause: cause}
	}
	if k := handlerKinds[status]; k != nil {
		return &Refusal{Kind: k, Cause: cause}
	}
	k := HandlerFailed
	switch CodeOf(status) {
	case CodeUnauthorized:
		k = HandlerUnauthorized
	case CodeForbidden:
		k = HandlerForbidden
	case CodeNotFound:
		k = HandlerNotFound
	case CodeInvalid:
		k = HandlerInvalid
	case CodeRateLimited:
		k = HandlerLimited
	}
	return &Refusal{Kind: k, Status: status, Cause: cause}
}
