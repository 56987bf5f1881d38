package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// profile has a gateway write down where its CPU goes while it is driven, as a file of the folder that the flag names. The function
// that it returns waits for the file. What is not asked for, or is no gateway, is not profiled.
func (o *options) profile(ctx context.Context, c *benchCase, r *running) (done func() error) {
	if o.profiles == "" || !r.gateway {
		return func() error { return nil }
	}
	result := make(chan error, 1)
	go func() {
		result <- fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.admin, max(1, int(o.round.Seconds()))), o.profiles, c.name+"-*.pprof")
	}()
	return func() error { return <-result }
}

// fetch writes what an address answers into a new file of a folder.
func fetch(ctx context.Context, address, folder, pattern string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("reading the profile: %s", response.Status)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, filepath.Base(pattern))
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, response.Body); err != nil {
		_ = file.Close()
		return fmt.Errorf("writing %s: %w", file.Name(), err)
	}
	return file.Close()
}
