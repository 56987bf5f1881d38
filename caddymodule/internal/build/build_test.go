package build

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

func TestOf(t *testing.T) {
	deps := func(more ...*debug.Module) []*debug.Module {
		return append([]*debug.Module{{Path: caddy, Version: "v2.11.9"}, {Path: opa, Version: "v1.22.2"}}, more...)
	}
	parts := func(tollgate, commit string) Build {
		return Build{Tollgate: tollgate, Commit: commit, Caddy: "v2.11.9", OPA: "v1.22.2", Go: runtime.Version(), Schema: keystore.Schema, OldestSchema: keystore.OldestSchema}
	}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want Build
	}{
		"from a clone": {
			debug.BuildInfo{Main: debug.Module{Path: tollgate, Version: "(devel)"}, Deps: deps(), Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "c0ffee"}}},
			parts("(devel)", "c0ffee"),
		},
		"from a clone with changes": {
			debug.BuildInfo{Main: debug.Module{Path: tollgate, Version: "(devel)"}, Deps: deps(), Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "c0ffee"}}},
			parts("(devel)", "c0ffee+changes"),
		},
		"in a Caddy of one's own": {
			debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "v9"}, Deps: deps(&debug.Module{Path: tollgate, Version: "v1.4.0"}), Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "theirs"}}},
			parts("v1.4.0", ""),
		},
		"in a Caddy of one's own, from a fork": {
			debug.BuildInfo{Main: debug.Module{Path: "caddy"}, Deps: deps(&debug.Module{Path: tollgate, Version: "v1.4.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.4.1"}})},
			parts("v1.4.1", ""),
		},
		"in a Caddy of one's own, from a folder": {
			debug.BuildInfo{Main: debug.Module{Path: "caddy"}, Deps: deps(&debug.Module{Path: tollgate, Version: "(devel)", Replace: &debug.Module{Path: "../tollgate"}})},
			parts("(devel)", ""),
		},
		"of a program without build information": {
			debug.BuildInfo{},
			Build{Tollgate: "unknown", Caddy: "unknown", OPA: "unknown", Go: runtime.Version(), Schema: keystore.Schema, OldestSchema: keystore.OldestSchema},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, of(&c.info)) })
	}
}

func TestReadFindsTheParts(t *testing.T) {
	require.NotEqual(t, unknown, Read().Tollgate)
	require.Equal(t, runtime.Version(), Read().Go)
}
