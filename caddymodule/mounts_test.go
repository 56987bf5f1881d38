package caddymodule_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/harness"
)

// mount is a volume as the kubelet writes a ConfigMap or a Secret: the files in a folder with the time in its name, ..data that
// leads to it, and a link for each first segment that leads through ..data. An update makes a folder anew and swaps ..data.
type mount struct{ g *harness.Gateway }

func (m mount) publish(t *testing.T, volume, generation string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(m.g.Dir, volume)
	for name, text := range files {
		m.g.WriteFile(t, filepath.Join(volume, generation, name), text)
		first, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", first), filepath.Join(dir, first)); err != nil {
			require.ErrorIs(t, err, os.ErrExist)
		}
	}
	previous, _ := os.Readlink(filepath.Join(dir, "..data"))
	require.NoError(t, os.Symlink(generation, filepath.Join(dir, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if previous != "" {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, previous)))
	}
}

// TestWhatIsMountedAnewIsTakenWithoutAReload: policies, secrets and keys out of ConfigMaps and Secrets of Kubernetes.
func TestWhatIsMountedAnewIsTakenWithoutAReload(t *testing.T) {
	const policy = "package tollgate.authz\n\ndeny contains {\"code\": \"FORBIDDEN\", \"message\": \"%\", \"details\": null} if input.request.path == \"/plain\"\n"
	setup := harness.World()
	setup.Options = "keys file $DIR/keys/keys.yaml\npolicies $DIR/policies\nsecrets $DIR/secrets\n" + setup.Options
	setup.Gate += "inject X-Backend-Token \"{tollgate.secret.backend_token}\"\n"
	g := harness.New(t)
	m := mount{g}
	m.publish(t, "keys", "..2026_11_27_10_00_00.1", map[string]string{"keys.yaml": harness.WorldKeys})
	m.publish(t, "policies", "..2026_11_27_10_00_00.1", map[string]string{"closed.rego": strings.Replace(policy, "%", "first", 1)})
	m.publish(t, "secrets", "..2026_11_27_10_00_00.1", map[string]string{"ws_acme/backend_token": "first"})
	require.NoError(t, g.Load(setup.Caddyfile()))

	ask := func(path string) *harness.Answer { return g.Do(t, harness.Request{Path: path, Key: harness.CRM}) }
	injected := func() string {
		require.Equal(t, 200, ask("/leads").Status)
		seen := g.Backend.Seen()
		return seen[len(seen)-1].Header.Get("X-Backend-Token")
	}
	require.Contains(t, ask("/plain").Body, "first")
	require.Equal(t, "first", injected())

	m.publish(t, "policies", "..2026_11_27_11_00_00.2", map[string]string{"closed.rego": strings.Replace(policy, "%", "second", 1)})
	require.Eventually(t, func() bool { return strings.Contains(ask("/plain").Body, "second") }, harness.WaitFor, harness.Tick, "the policy")
	m.publish(t, "secrets", "..2026_11_27_11_00_00.2", map[string]string{"ws_acme/backend_token": "second"})
	require.Eventually(t, func() bool { return injected() == "second" }, harness.WaitFor, harness.Tick, "the secret")

	// One that is wrong is not taken, and the next good one is.
	m.publish(t, "policies", "..2026_11_27_12_00_00.3", map[string]string{"closed.rego": "package tollgate.authz\n\ndeny contains"})
	require.Eventually(t, func() bool {
		return harness.Contains(g.ReadFile(t, "caddy.log"), "policies are not taken", "closed.rego")
	},
		harness.WaitFor, harness.Tick, "the log says why")
	require.Contains(t, ask("/plain").Body, "second")

	m.publish(t, "keys", "..2026_11_27_13_00_00.4", map[string]string{"keys.yaml": strings.Replace(harness.WorldKeys, "name: crm agent,", "name: crm agent, disabled: true,", 1)})
	require.Eventually(t, func() bool { return ask("/leads").Status == 401 }, harness.WaitFor, harness.Tick, "the keys")
}
