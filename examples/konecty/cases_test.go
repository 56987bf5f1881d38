package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// TestTheCasesHoldForTheCaddyfile beside them, with its policies.
func TestTheCasesHoldForTheCaddyfile(t *testing.T) {
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	d := harness.NewDesk(t, harness.DeskCaddyfile)
	o := d.Run("", "test", filepath.Join(here, "cases.yaml"), "--config", filepath.Join(here, "Caddyfile"))
	require.NoError(t, o.Err, o.Out)
	require.Equal(t, "29 cases pass\n", o.Out)
}
