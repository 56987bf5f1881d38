// Package record holds the immutable records that the cores share: Workspace, Plan, Window, Key and Scope.
// It is the leaf of the import graph: it knows no store, no policy engine and no Caddy.
//
// Records are built once, by a key store or by the configuration, and never changed afterwards. Their identity (the
// pointer) may therefore stand for their content.
package record
