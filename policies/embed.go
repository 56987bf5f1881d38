// Package policies holds the policies that apply on every gateway, as Rego, and the schema of their input.
//
// Each concern is a file of package tollgate.authz that adds refusals to deny; decision.rego makes one decision of
// them. A team's own files are added to these and never replace them.
package policies

import "embed"

// Embedded are the Rego files of the policies, without their tests.
//
//go:embed tollgate/decision.rego tollgate/authz/allowlist.rego tollgate/authz/plans.rego tollgate/authz/scopes.rego
var Embedded embed.FS

// InputSchema is the JSON schema (draft 7) of the policy input. Policies are checked against it when they are loaded.
//
//go:embed input.schema.json
var InputSchema []byte
