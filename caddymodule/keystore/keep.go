package keystore

import "context"

// Keeper is a Store that can be copied and looked over while gateways work on it.
type Keeper interface {
	// Backup writes a copy, as of one moment, into a file that must not be there yet. Where that is another program's affair the
	// error says whose.
	Backup(ctx context.Context, path string) error
	// Check looks the store over and tells what is wrong with it. It writes nothing, not even a newer schema. An error means
	// that it could not look.
	Check(ctx context.Context, found func(Finding)) (Held, error)
}

// Finding is something that is wrong with a store.
type Finding struct {
	// What is wrong, where.
	What string `json:"what"`
	// Do is what to do about it.
	Do string `json:"do"`
}

// Held is how much a store holds.
type Held struct {
	Workspaces int `json:"workspaces"`
	Keys       int `json:"keys"`
	Secrets    int `json:"secrets"`
	// Revisions are the entries of its log of changes, those of the store itself included.
	Revisions int64 `json:"revisions"`
}
