package command

import (
	"fmt"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// printNewSecret shows a secret, the only time ever. After a rotation the key has others, and it is said until when they work.
func (i *invocation) printNewSecret(k *keystore.Key, secret string) error {
	if i.json() {
		return output.JSON(i.out(), viewOfNewSecret(k, secret))
	}
	end := k.OldSecretsEnd()
	i.note("the secret is shown this once: only its hash is kept")
	pairs := []string{"secret", secret, "key", k.ID, "name", output.Dash(k.Name), "workspace", k.Workspace,
		"scopes", output.Words(k.Scopes), "allowed ips", anywhere(&k.Key), "own limits", output.Words(k.Limits), "expires", output.When(k.ExpiresAt, "never")}
	if !end.IsZero() {
		pairs = append(pairs, "old secret", endOfOld(end, time.Now()))
		if end.After(time.Now()) {
			i.note("if the old secret has leaked: key rotate %s --grace 0s", k.ID)
		}
	}
	return output.Fields(i.out(), pairs...)
}

func viewOfNewSecret(k *keystore.Key, secret string) createdView {
	view, end := keysapi.NewView(k, time.Now()), k.OldSecretsEnd()
	created := createdView{
		ID: view.ID, Secret: secret, Workspace: view.Workspace, Name: view.Name, Scopes: view.Scopes,
		AllowedIPs: view.AllowedIPs, Limits: view.Limits, ExpiresAt: view.ExpiresAt,
	}
	if !end.IsZero() {
		created.OldSecretsExpireAt = &end
	}
	return created
}

// endOfOld says until when the secrets work that a key had before.
func endOfOld(end, now time.Time) string {
	left := end.Sub(now).Round(time.Second)
	if left <= 0 {
		return "ended " + output.When(end, "-")
	}
	return fmt.Sprintf("works until %s (%s more)", output.When(end, "-"), record.FormatDuration(left))
}

// adviseOnLeak says how a secret of a key that works is ended.
func (i *invocation) adviseOnLeak(k *keystore.Key) {
	if !i.json() && k.State(time.Now()) == "active" && len(k.Secrets) > 0 {
		i.note("if a secret has leaked: key rotate %s --grace 0s", k.ID)
	}
}

func (i *invocation) printKey(k *keystore.Key) error {
	if i.json() {
		return output.JSON(i.out(), keysapi.NewView(k, time.Now()))
	}
	pairs := []string{"key", k.ID, "state", k.State(time.Now()), "name", output.Dash(k.Name), "workspace", k.Workspace,
		"scopes", output.Words(k.Scopes), "allowed ips", anywhere(&k.Key), "own limits", output.Words(k.Limits), "created", output.When(k.CreatedAt, "-"), "expires", output.When(k.ExpiresAt, "never")}
	if !k.RevokedAt.IsZero() {
		pairs = append(pairs, "revoked", output.When(k.RevokedAt, "-"))
	}
	if err := output.Fields(i.out(), pairs...); err != nil || len(k.Secrets) == 0 {
		return err
	}
	var rows [][]string
	for _, secret := range k.Secrets {
		end := output.When(secret.ExpiresAt, "with the key")
		if secret.Ended(time.Now()) {
			end = "ended " + end
		}
		rows = append(rows, []string{secret.Fingerprint, output.When(secret.CreatedAt, "-"), end, output.When(secret.LastUsedAt, "never")})
	}
	columns := []output.Column{output.Whole("SECRET"), output.Whole("MADE"), output.Whole("ENDS"), output.Whole("LAST USED")}
	return output.Table(i.out(), output.Width, columns, rows)
}

// anywhere are a key's networks, for people.
func anywhere(k *record.Key) string {
	if len(k.AllowedIPs) == 0 {
		return "anywhere"
	}
	return output.Words(k.AllowedIPs)
}
