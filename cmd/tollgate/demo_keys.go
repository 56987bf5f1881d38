package main

import (
	"context"
	"errors"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/sqlite"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// customer is a workspace of the demo and its key.
type customer struct {
	workspace, plan string
	// name and scope of the key; network, if any, is the only one it may be used from.
	name, scope, network string

	key, secret string
}

// The customers: each shows something else.
const (
	pro = iota
	reader
	office
	trial
	assistant
)

func customers() []*customer {
	return []*customer{
		pro:       {workspace: "ws_pro", plan: "pro", name: "crm agent", scope: "agent.*"},
		reader:    {workspace: "ws_starter", plan: "starter", name: "reports", scope: "agent.leads.read"},
		office:    {workspace: "ws_pro", plan: "pro", name: "office only", scope: "agent.*", network: "203.0.113.0/24"},
		trial:     {workspace: "ws_trial", plan: "trial", name: "trying it out", scope: "agent.*"},
		assistant: {workspace: "ws_pro", plan: "pro", name: "AI assistant", scope: "agent.leads.*"},
	}
}

// makeCustomers writes them into a new key store.
func makeCustomers(ctx context.Context, path string) (people []*customer, err error) {
	store := sqlite.New(path, sqlite.Options{Create: true})
	defer func() { err = errors.Join(err, store.Close()) }()
	act := keystore.Act{By: "demo", Action: "demo"}
	people = customers()
	made := map[string]bool{}
	for _, c := range people {
		if !made[c.workspace] {
			if err := store.CreateWorkspace(ctx, act, &record.Workspace{ID: c.workspace, Plan: c.plan}); err != nil {
				return nil, err
			}
			made[c.workspace] = true
		}
		if err := c.makeKey(ctx, store, act); err != nil {
			return nil, err
		}
	}
	return people, nil
}

func (c *customer) makeKey(ctx context.Context, store *sqlite.Store, act keystore.Act) (err error) {
	if c.secret, err = apikey.New(apikey.DefaultPrefix); err != nil {
		return err
	}
	c.key = apikey.NewID()
	key := record.Key{ID: c.key, Name: c.name, Scopes: []record.Scope{record.Scope(c.scope)}}
	if c.network != "" {
		network, err := record.ParseNetwork(c.network)
		if err != nil {
			return err
		}
		key.AllowedIPs = append(key.AllowedIPs, network)
	}
	return store.CreateKeys(ctx, act, c.workspace, []keystore.NewKey{{Key: key, Sum: record.SumOf(c.secret)}})
}
