//go:build race

package openapi_test

// The race detector keeps accounts of its own.
const (
	slack       = 50
	memorySlack = 10
)
