// Package agentapi is the backend of the Agent API: leads, analytics, conversions, the workspace and support tickets of
// a small CRM, as a customer of the gateway would build it.
//
// It stands behind the gateway and believes the identity headers that the gateway sets (X-Tollgate-Workspace,
// X-Tollgate-Plan); without them it answers 401. It must therefore never be reachable by anybody else. Scopes, limits
// and keys are the gateway's affair and are not asked again here.
//
// Data lies in one SQLite file. What identifies a person (names, e-mail, phone, notes, the text of tickets) is
// encrypted in it with AES-256-GCM; e-mail and phone are found again by keyed blind indexes.
//
// The contract is openapi.yaml in this folder; a test keeps it and the code equal. SKILL.md the gateway makes of it.
package agentapi
