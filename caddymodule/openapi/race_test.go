//go:build race

package openapi_test

const slack = 30
