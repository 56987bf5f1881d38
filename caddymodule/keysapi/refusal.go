package keysapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
)

// refused gives an error its row in the catalogue. Nothing that a store says of itself, such as where it lies, reaches the
// caller.
func refused(err error) *refusal.Refusal {
	if r, ok := errors.AsType[*refusal.Refusal](err); ok {
		return r
	}
	problem, _ := errors.AsType[*keystore.Problem](err)
	switch {
	case errors.Is(err, keystore.ErrUnreadable):
		return &refusal.Refusal{Kind: refusal.Internal, Cause: err}
	case problem == nil, errors.Is(err, keystore.ErrMissing):
		return &refusal.Refusal{Kind: refusal.KeyStoreUnavailable, Message: "Keys cannot be managed at the moment.", Cause: err}
	case errors.Is(err, keystore.ErrReadOnly):
		return &refusal.Refusal{Kind: refusal.HandlerForbidden, Status: 403, Cause: err,
			Message: "Keys cannot be changed here: the keys file is edited by hand."}
	case errors.Is(err, keystore.ErrRevoked):
		return invalid(map[string]any{"id": "The key is revoked, which is final: make another"})
	case errors.Is(err, keystore.ErrInvalid) && problem.Field != "":
		return invalid(map[string]any{problem.Field: problem.Text})
	case errors.Is(err, keystore.ErrNotFound) && problem.Field == "workspace":
		return noWorkspace()
	case errors.Is(err, keystore.ErrNotFound):
		return noKey()
	}
	return &refusal.Refusal{Kind: refusal.Internal, Cause: err}
}

// Bounds of what an answer repeats of a request: a body of many wrong fields, or of long ones, is not sent back.
const (
	mostDetails = 20
	longestName = 64  // bytes
	longestText = 300 // bytes
)

// more is the detail that counts what mostDetails left out. No field has such a name.
const more = "(more)"

// bounded are the details that an answer has room for, the first by name, each of them clipped.
func bounded(details map[string]any) map[string]any {
	kept := make(map[string]any, min(len(details), mostDetails+1))
	for n, name := range slices.Sorted(maps.Keys(details)) {
		if n == mostDetails {
			kept[more] = fmt.Sprintf("and more fields are wrong: %d", len(details)-n)
			break
		}
		value := details[name]
		if text, ok := value.(string); ok {
			value = clip(text, longestText)
		}
		kept[clip(name, longestName)] = value
	}
	return kept
}

// clip is the text, cut behind a whole character where it is longer than so many bytes.
func clip(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	for longest > 0 && !utf8.RuneStart(text[longest]) {
		longest--
	}
	return text[:longest] + "…"
}

// invalid refuses a request with what is wrong, by field.
func invalid(wrong map[string]any) *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.HandlerInvalid, Status: 400, Details: bounded(wrong)}
}

// malformed refuses a body that is no JSON object.
func malformed(reason string) *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.BodyMalformed, Details: bounded(map[string]any{"reason": reason})}
}

func noKey() *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.HandlerNotFound, Status: 404, Message: "There is no such key."}
}

func noWorkspace() *refusal.Refusal {
	return &refusal.Refusal{Kind: refusal.HandlerNotFound, Status: 404, Message: "There is no such workspace."}
}

// MissingScope is the cause of a refusal for want of a scope, for logs.
type MissingScope struct {
	// Scope is the one that the caller's key lacks.
	Scope string
}

func (m *MissingScope) Error() string { return "the key lacks the scope " + m.Scope }

// lacksScope refuses a caller as policies do (RFC 6750, section 3.1).
func lacksScope(scope string) *refusal.Refusal {
	return &refusal.Refusal{
		Kind: refusal.HandlerForbidden, Status: 403,
		Message:   "This key lacks a scope that the route needs. Use a key that holds the missing scopes.",
		Details:   map[string]any{"missing_scopes": []string{scope}},
		Challenge: `Bearer error="insufficient_scope", scope="` + scope + `"`,
		Cause:     &MissingScope{scope},
	}
}

// beyond refuses what the caller does not hold itself.
func beyond(lacks map[string]any) error {
	return &refusal.Refusal{Kind: refusal.HandlerForbidden, Status: 403, Message: "A key can grant only what it holds itself.", Details: bounded(lacks)}
}
