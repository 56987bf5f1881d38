// Package build tells what a program was built from.
package build

import (
	"runtime"
	"runtime/debug"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// Build is what a program was built from. What the Go tools did not write into it is "unknown".
type Build struct {
	// Tollgate is the version of this module, or "(devel)" where it was built from a clone without tags. Commit is the one
	// it was built from, with "+changes" behind it where files differed from it; empty where a released version says all.
	Tollgate string `json:"tollgate"`
	Commit   string `json:"commit,omitempty"`
	Caddy    string `json:"caddy"`
	OPA      string `json:"opa"`
	Go       string `json:"go"`
	// Schema is the version of a key database's schema that the program knows, and OldestSchema the oldest one whose programs
	// may share such a database with it.
	Schema       int `json:"schema"`
	OldestSchema int `json:"oldest_schema"`
}

const unknown = "unknown"

// The paths under which the Go tools know the parts.
const (
	tollgate = "github.com/tollgate-gateway/tollgate"
	caddy    = "github.com/caddyserver/caddy/v2"
	opa      = "github.com/open-policy-agent/opa"
)

// Read gives what this program was built from (runtime/debug.ReadBuildInfo).
func Read() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return of(info)
}

func of(info *debug.BuildInfo) Build {
	b := Build{Tollgate: unknown, Caddy: unknown, OPA: unknown, Go: runtime.Version(), Schema: keystore.Schema, OldestSchema: keystore.OldestSchema}
	for _, module := range append(info.Deps, &info.Main) {
		version := module.Version
		if module.Replace != nil && module.Replace.Version != "" {
			version = module.Replace.Version
		}
		if version == "" {
			continue
		}
		switch module.Path {
		case tollgate:
			b.Tollgate = version
		case caddy:
			b.Caddy = version
		case opa:
			b.OPA = version
		}
	}
	if info.Main.Path != tollgate {
		return b // the commit would be that of somebody else's program
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			b.Commit = setting.Value + b.Commit
		case setting.Key == "vcs.modified" && setting.Value == "true":
			b.Commit += "+changes"
		}
	}
	return b
}

// String is the version of Tollgate, with the commit where no version was given.
func (b Build) String() string {
	if b.Tollgate == "(devel)" && b.Commit != "" {
		return b.Tollgate + " " + b.Commit
	}
	return b.Tollgate
}
