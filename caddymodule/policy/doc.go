// Package policy decides whether a request may pass: it asks data.tollgate.decision of the embedded policies and the
// team's own, through OPA.
//
// An Engine holds one generation of policies at a time. A generation is immutable: sources are read, checked, compiled,
// tested and prepared before it takes its predecessor's place, and if anything of that fails the predecessor stays.
// Rules that could not do what they are there for fail as well: comparisons of values that are never equal (schema.go,
// exposed.go), files that no decision asks (reach.go), refusals that could only fail the decision (shape.go).
//
// Decisions are remembered. The compiled policies tell which input paths they can read; two inputs that agree on those,
// in value and in presence, get the same decision, because no built-in function that knows more than its arguments is
// available. Nor is one that could take far more time or memory than its arguments are worth: those that cannot be
// interrupted are left out, or bounded (bounds.go). Package policies holds the embedded Rego and the schema of the input.
package policy
