package apikey

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	// DefaultPrefix begins the secrets of a gateway that configures no key_prefix.
	DefaultPrefix = "tg"

	alphabet       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomLength   = 34 // characters of base62: 202 bits
	checksumLength = 6  // characters of base62: 62⁶ > 2³²
	maxPrefix      = 16
)

var (
	errLength      = fmt.Errorf("a secret must have from %d to %d characters", MinLength, MaxLength)
	errUnprintable = errors.New("a secret must be made of visible ASCII characters, without spaces")
)

// New makes a secret: the prefix, an underscore, more than 200 random bits and their CRC-32, all in base62, so that
// scanners recognise it by pattern and a typing error is seen without asking a store. The error is CheckPrefix's.
func New(prefix string) (string, error) {
	if err := CheckPrefix(prefix); err != nil {
		return "", err
	}
	secret := prefix + "_" + random(randomLength)
	sum := checksum(secret)
	return secret + string(sum[:]), nil
}

// NewID makes the public id of a key: "key_" and 16 characters of base62 (95 bits). It says nothing of the secret.
func NewID() string { return "key_" + random(16) }

// Check reports whether the token may be one of ours: false only for a token that begins with our prefix and an
// underscore, yet has another shape or checksum than New gives. It spares the store the question; it proves nothing.
func Check(prefix, token string) bool {
	rest, ours := strings.CutPrefix(token, prefix)
	if !ours || rest == "" || rest[0] != '_' {
		return true
	}
	if len(rest) != 1+randomLength+checksumLength {
		return false
	}
	for i := 1; i <= randomLength; i++ {
		if c := rest[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	signed := len(token) - checksumLength
	sum := checksum(token[:signed])
	return string(sum[:]) == token[signed:]
}

// Length is how many characters a secret of this prefix has.
func Length(prefix string) int { return len(prefix) + 1 + randomLength + checksumLength }

// CheckPrefix says why s cannot be a key_prefix: 1 to 16 letters and digits.
func CheckPrefix(s string) error {
	if s == "" || len(s) > maxPrefix || strings.Trim(s, alphabet) != "" {
		return fmt.Errorf("key prefix %q is not valid: write 1 to %d letters and digits", s, maxPrefix)
	}
	return nil
}

// random gives n characters of base62, each equally likely.
func random(n int) string {
	const fair = 256 - 256%len(alphabet) // bytes from here on would favour the first characters
	out := make([]byte, 0, n)
	var pool [64]byte
	for {
		_, _ = rand.Read(pool[:]) // never fails, by its documentation
		for _, b := range pool {
			if int(b) >= fair {
				continue
			}
			if out = append(out, alphabet[int(b)%len(alphabet)]); len(out) == n {
				return string(out)
			}
		}
	}
}

// checksum is the CRC-32 (IEEE) of s in base62. It walks the string itself: crc32.ChecksumIEEE would need a copy.
func checksum(s string) (sum [checksumLength]byte) {
	table, crc := crc32.IEEETable, ^uint32(0)
	for i := range len(s) {
		crc = table[byte(crc)^s[i]] ^ crc>>8
	}
	crc = ^crc
	for i := checksumLength - 1; i >= 0; i-- {
		sum[i] = alphabet[crc%uint32(len(alphabet))]
		crc /= uint32(len(alphabet))
	}
	return sum
}
