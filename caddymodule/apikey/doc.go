// Package apikey knows what an API key looks like: how it stands in the Authorization header, how a secret is made
// and how its checksum is verified. It knows no store: whether a key is good is asked elsewhere, by SHA-256.
package apikey
