package command

import (
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func rotateKey(i *invocation) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	grace, err := record.ParseDuration(i.text("grace"))
	if err != nil {
		return fmt.Errorf("grace: %w", err)
	}
	secret, err := apikey.New(app.KeyPrefix)
	if err != nil {
		return err
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		id, err := s.KeyID(i, i.args[0])
		if err != nil {
			return done{}, err
		}
		key, err := s.RotateKey(i, act, id, record.SumOf(secret), grace)
		return done{
			committed: fmt.Sprintf("key %s has a new secret, which is lost; the old one ends after the grace: rotate or revoke it", id),
			print:     func() error { return i.printNewSecret(key, secret) },
		}, err
	})
}
