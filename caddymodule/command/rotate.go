package command

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func rotateKey(i *invocation) error {
	all, _ := i.cmd.Flags().GetBool("all")
	switch {
	case all && len(i.args) > 0:
		return errors.New("KEY_ID and --all exclude each other: write one of them")
	case all && !i.given("workspace"):
		return errors.New("--all needs --workspace: it rotates the keys of one workspace")
	case !all && (i.given("workspace") || i.given("yes")):
		return errors.New("--workspace and --yes go with --all: write --all, or leave them out")
	case !all && len(i.args) == 0:
		return errors.New("missing KEY_ID; usage: rotate KEY_ID, or rotate --all --workspace W")
	}
	app, err := i.app()
	if err != nil {
		return err
	}
	grace, err := record.ParseDuration(i.text("grace"))
	if err != nil {
		return fmt.Errorf("grace: %w", err)
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		r := rotation{invocation: i, store: s, act: act, grace: grace}
		if all {
			return r.all(i.text("workspace"))
		}
		id, err := s.KeyID(i, i.args[0])
		if err != nil {
			return done{}, err
		}
		key, secret, err := r.rotate(id)
		return done{
			committed: newSecretIsLost(id),
			print:     func() error { return i.printNewSecret(key, secret) },
		}, err
	})
}

func newSecretIsLost(id string) string {
	return fmt.Sprintf("key %s has a new secret, which is lost; the old one ends after the grace: rotate or revoke it", id)
}

// rotation is one run of key rotate on an open store.
type rotation struct {
	*invocation
	store *config.Store
	act   keystore.Act
	grace time.Duration
}

func (r *rotation) rotate(id string) (*keystore.Key, string, error) {
	secret, err := apikey.New(r.store.KeyPrefix)
	if err != nil {
		return nil, "", err
	}
	key, err := r.store.RotateKey(r, r.act, id, record.SumOf(secret), r.grace)
	if _, answered := errors.AsType[*keystore.Problem](err); err != nil && !answered {
		err = fmt.Errorf("key %s may have been rotated (see key show %s): %w", id, id, err)
	}
	return key, secret, err
}

// all rotates the active keys of a workspace. Each secret is printed as soon as it works: whatever fails later, it is not lost.
func (r *rotation) all(workspace string) (done, error) {
	ids, others, err := r.activeKeys(workspace)
	if err != nil {
		return done{}, err
	}
	if len(ids) == 0 {
		return done{nothing: true, print: func() error { r.note("workspace %s has no active key", workspace); return nil }}, nil
	}
	if sure, _ := r.cmd.Flags().GetBool("yes"); !sure {
		question := fmt.Sprintf("This gives %s of workspace %s a new secret each; the old ones end after %s.\nType the workspace's id to do it: ",
			count(len(ids), "active key"), workspace, r.text("grace"))
		if err := r.confirm(workspace, question); err != nil {
			return done{}, fmt.Errorf("no key of workspace %s was rotated: %w", workspace, err)
		}
	}
	var left []string // those that keep their secrets, the first with why
	var why error
	for n, id := range ids {
		key, secret, err := r.rotate(id)
		if problem, ok := errors.AsType[*keystore.Problem](err); ok { // it is this key's alone
			left, why = append(left, id), cmp.Or(why, error(problem))
			continue
		}
		if err != nil {
			left, why = append(left, ids[n:]...), err
			break
		}
		if err := r.printRow(key, secret); err != nil {
			return done{}, fmt.Errorf("%s; not rotated: %s: printing the answer: %w", newSecretIsLost(id), output.Words(append(left, ids[n+1:]...)), err)
		}
	}
	if why != nil {
		return done{}, fmt.Errorf("%s rotated, their secrets are printed above; not rotated: %s: %w", count(len(ids)-len(left), "key"), strings.Join(left, ", "), why)
	}
	return done{print: func() error {
		r.note("%s rotated, the old secrets end after %s; each new one is shown this once", count(len(ids), "key"), r.text("grace"))
		if others > 0 {
			r.note("left as they are, for they are revoked, disabled or expired: %s", count(others, "key"))
		}
		return nil
	}}, nil
}

// activeKeys are the ids of a workspace's keys that work, and how many others it has.
func (r *rotation) activeKeys(workspace string) (ids []string, others int, err error) {
	if _, err := r.store.Workspace(r, workspace); err != nil {
		return nil, 0, err
	}
	now := time.Now()
	for after := ""; ; {
		keys, err := r.store.Keys(r, workspace, after, pageSize)
		if err != nil {
			return nil, 0, err
		}
		for _, k := range keys {
			if after = k.ID; k.State(now) == "active" {
				ids = append(ids, k.ID)
			} else {
				others++
			}
		}
		if len(keys) < pageSize {
			return ids, others, nil
		}
	}
}

func (r *rotation) printRow(key *keystore.Key, secret string) error {
	if r.json() {
		return output.JSON(r.out(), viewOfNewSecret(key, secret))
	}
	_, err := fmt.Fprintf(r.out(), "%s  %s\n", key.ID, secret)
	return err
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
