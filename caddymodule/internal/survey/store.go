package survey

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/tollgate-gateway/tollgate/caddymodule/audit"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// pageSize is how many workspaces or keys are in memory at a time.
const pageSize = 1000

// kept is what the key store's configuration says, whatever the store.
type kept struct {
	Store   string `json:"store"`
	Address string `json:"address"`
	Source  string `json:"source"`
}

// store opens the key store to be read.
func (s *surveyor) store(ctx context.Context) {
	var said kept
	_ = json.Unmarshal(s.app.KeysRaw, &said) // what is not of this form has nothing of what is looked for
	place := said.Source
	if place == "" {
		place = s.Config + ", global option tollgate, keys"
	}
	if dispenser.HoldsPassword(said.Address) {
		s.Options = append(s.Options, audit.Option{Rule: "credential-in-config", Place: place, What: "the password of PostgreSQL stands in its address"})
	}
	var engine outage
	_ = json.Unmarshal(s.app.CountersRaw, &engine)
	if said.Store == "postgres" && engine.Engine == "memory" {
		s.Options = append(s.Options, audit.Option{Rule: "counters-not-shared", Place: place, What: "keys are in PostgreSQL, counts in this gateway's memory"})
	}
	module, err := s.app.LoadKeyStore(s.modules)
	if err != nil {
		s.Store.Why = err.Error()
		s.skip("the key store cannot be loaded: "+err.Error(), "postgres-plaintext", "store-readable")
		return
	}
	s.Store.Place = module.Place()
	if remote, ok := module.(gateway.Remote); ok && remote.PlainHost() != "" {
		s.Options = append(s.Options, audit.Option{Rule: "postgres-plaintext", Place: place, What: "it may speak to " + remote.PlainHost() + " without TLS"})
	}
	if filed, ok := module.(gateway.Filed); ok {
		s.see(audit.KindStore, filed.File())
	}
	s.Store.Uses = said.Store != "file"
	looker, ok := module.(gateway.StoreLooker)
	if !ok {
		s.Store.Why = fmt.Sprintf("key store %s cannot be looked into", module.Place())
		return
	}
	reader, err := looker.Look(ctx)
	if err != nil {
		s.Store.Why = err.Error()
		return
	}
	s.free = append(s.free, func() { _ = reader.Close() }) // nothing was written
	s.Store.Workspaces = pages(func(after string) ([]*record.Workspace, error) { return reader.Workspaces(ctx, after, pageSize) },
		func(w *record.Workspace) string { return w.ID })
	s.Store.Keys = pages(func(after string) ([]*keystore.Key, error) { return reader.Keys(ctx, "", after, pageSize) },
		func(k *keystore.Key) string { return k.ID })
}

// pages gives all records, a page at a time.
func pages[T any](read func(after string) ([]T, error), id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			page, err := read(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
				after = id(record)
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}
