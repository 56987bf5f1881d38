package keystore

// The versions of the schema in which SQLite and PostgreSQL hold keys, for operators who run programs of two versions on
// one store. Package sqlstore has the steps between them.
const (
	// Schema is the version that this program knows, and brings an older store to.
	Schema = 5
	// OldestSchema is the oldest version whose programs may use a store of Schema, as such a store says itself.
	OldestSchema = 4
)
