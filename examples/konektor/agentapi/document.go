package agentapi

import _ "embed"

// Document is the contract of the API: an OpenAPI document with the operations of Routes, their scopes and their schemas.
//
//go:embed openapi.yaml
var Document string
