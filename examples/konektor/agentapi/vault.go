package agentapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
)

// KeySize is the length of the encryption key in bytes (AES-256).
const KeySize = 32

// GenerateKey makes a new random encryption key.
func GenerateKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails, says its documentation
	return key
}

// vault holds what is derived from the encryption key, one key for each purpose.
type vault struct {
	// sealing is AES-256-GCM with a random nonce in front of each sealed text.
	sealing cipher.AEAD
	// index makes blind indexes, cursor signs the positions of lists.
	index, cursor []byte
}

func newVault(key []byte) (*vault, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("reading the encryption key: it has %d bytes, give %d", len(key), KeySize)
	}
	derive := func(purpose string) []byte {
		// Fails for lengths past 255 hashes only.
		derived, _ := hkdf.Key(sha256.New, key, nil, "konektor "+purpose, KeySize)
		return derived
	}
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	sealing, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return &vault{sealing: sealing, index: derive("index"), cursor: derive("cursor")}, nil
}

// A place is where a sealed text belongs: it opens nowhere else, so that nobody who writes to the file can move one
// person's data to another row or workspace.
func place(workspace, id, column string) []byte {
	return []byte(strings.Join([]string{workspace, id, column}, "\x00"))
}

func (v *vault) seal(plain, place []byte) []byte { return v.sealing.Seal(nil, nil, plain, place) }

func (v *vault) open(sealed, place []byte) ([]byte, error) {
	plain, err := v.sealing.Open(nil, nil, sealed, place)
	if err != nil {
		return nil, fmt.Errorf("opening sealed data: %w", err)
	}
	return plain, nil
}

// blindIndex finds a value again without storing it. Workspaces with the same value get different ones. No value, no index.
func (v *vault) blindIndex(workspace, column, value string) []byte {
	if value == "" {
		return nil
	}
	return mac(v.index, workspace, column, value)
}

// mac authenticates parts, none of which but the last may hold a zero byte.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.Join(parts, "\x00")))
	return h.Sum(nil)
}
