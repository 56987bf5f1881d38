package apikey

import "strings"

// Bounds of a token's length, in bytes.
const (
	MinLength = 16
	MaxLength = 256
)

// FromAuthorization reads the token out of all values of the request's Authorization header: exactly one, "Bearer" in
// any letter case, one or more spaces, one token of MinLength to MaxLength visible ASCII characters and nothing else
// (RFC 9110, section 11.4). With bare, a value that is nothing but the token counts as well.
//
// The token is empty where there is none to be trusted: such a request is 401. Given reports whether the caller sent
// something as its token nevertheless, so that the challenge says error="invalid_token" (RFC 6750, section 3.1).
// Of two headers none is taken: which of them would win is what an attacker chooses.
func FromAuthorization(values []string, bare bool) (token string, given bool) {
	if len(values) != 1 {
		return "", len(values) > 1
	}
	value := values[0]
	scheme, rest, spaced := strings.Cut(value, " ")
	if bare && !spaced {
		token, given = value, value != "" && !isBearer(value)
	} else {
		token = strings.TrimLeft(rest, " ")
		given = token != "" && isBearer(scheme)
	}
	if !given || !wellFormed(token) {
		return "", given
	}
	return token, true
}

func isBearer(scheme string) bool { return strings.EqualFold(scheme, "Bearer") }

// wellFormed reports whether s may be a token at all: a length within the bounds, visible ASCII only.
func wellFormed(s string) bool {
	if len(s) < MinLength || len(s) > MaxLength {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckToken says why a secret, from an import for instance, could never be used as a token. The text does not hold
// the secret.
func CheckToken(secret string) error {
	if len(secret) < MinLength || len(secret) > MaxLength {
		return errLength
	}
	if !wellFormed(secret) {
		return errUnprintable
	}
	return nil
}
