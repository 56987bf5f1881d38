package config

import (
	"encoding/json"
	"fmt"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// adminTimeout is how long the admin endpoint of a running gateway may take.
const adminTimeout = 3 * time.Second

// GetAdmin asks the admin endpoint of a running gateway, whose client knows no time limit.
func GetAdmin[T any](endpoint, path string) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		response, err := caddycmd.AdminAPIRequest(endpoint, "GET", path, nil, nil)
		if r.err = err; err == nil {
			r.err = json.NewDecoder(response.Body).Decode(&r.value)
			_ = response.Body.Close()
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(adminTimeout):
		return result{}.value, fmt.Errorf("no answer within %v", adminTimeout)
	}
}
