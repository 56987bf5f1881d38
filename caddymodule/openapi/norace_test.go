//go:build !race

package openapi_test

// slack is how much longer things may take in a test than they should.
const slack = 3
