package command

import (
	"fmt"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func keyCommands() caddycmd.Command {
	return caddycmd.Command{
		Name: "key", Usage: "create|list|show|history|disable|enable|revoke|rotate|import|hash|scan",
		Short: "Makes, shows, changes and finds keys",
		CobraFunc: func(cmd *cobra.Command) {
			create := command("create", "Makes a key, whose secret is shown once", createKey)
			grants(create)
			imports := command("import", "Takes over the secrets on standard input, one a line: all or none", importKeys)
			grants(imports)
			imports.Flags().Bool("sha256", false, "the lines are SHA-256 hashes of secrets, in hexadecimal digits")
			list := command("list", "Lists the keys", listKeys)
			list.Flags().String("workspace", "", "only those of this workspace")
			rotate := command("rotate KEY_ID", "Gives a key a second secret; the old one lives on for the grace", rotateKey)
			rotate.Flags().String("grace", "24h", "how long")
			scan := command("scan FOLDER", "Finds live keys in files; fails where it finds any", scanFolder)
			scan.Long = `Finds live keys in the files of a folder, or in one file, by form and checksum, and asks the store which of them work.
Text may be UTF-8 or UTF-16; archives and compressed files are not opened. A key that was imported, and has another form
than those made here, cannot be recognised: the store knows but its hash.`
			group(cmd, create, list,
				command("show KEY_ID", "Shows one key", showKey),
				command("history KEY_ID", "Shows every change of a key, the newest first", keyHistory),
				command("disable KEY_ID", "Refuses a key until it is enabled", changeKey(func(k *record.Key) { k.Disabled = true })),
				command("enable KEY_ID", "Takes back disable", changeKey(func(k *record.Key) { k.Disabled = false })),
				command("revoke KEY_ID", "Refuses a key for good", changeKey(func(k *record.Key) { k.RevokedAt = time.Now().UTC() })),
				rotate, imports,
				command("hash", "Prints the SHA-256 of the secret on standard input, for a keys file", hashSecret),
				scan)
		},
	}
}

// grants are the flags that say what a new key may do.
func grants(cmd *cobra.Command) {
	cmd.Flags().String("workspace", "", "workspace whose key it is")
	cmd.Flags().String("name", "", "name, for people")
	cmd.Flags().StringArray("scope", nil, "what the key may do, such as agent.leads.read or agent.*; may be repeated")
	cmd.Flags().StringArray("allow-ip", nil, "address or network it may be used from; may be repeated (default from anywhere)")
	cmd.Flags().String("expires", "", "when it ends: a duration such as 90d, or an RFC 3339 time (default never)")
	_ = cmd.MarkFlagRequired("workspace") // fails only for flags that do not exist
}

// granted reads the flags of grants into a key without an id, and checks all of them.
func granted(i *invocation) (record.Key, error) {
	key := record.Key{ID: apikey.NewID(), Name: i.text("name")}
	if err := record.CheckID(i.text("workspace")); err != nil {
		return key, fmt.Errorf("workspace: %w", err)
	}
	var err error
	if i.given("name") {
		if err := record.CheckName(key.Name); err != nil {
			return key, err
		}
	}
	for _, scope := range i.list("scope") {
		if several := strings.Split(scope, ","); len(several) > 1 {
			return key, fmt.Errorf("--scope %q holds a comma: repeat the flag, as in --scope %s --scope %s", scope, several[0], several[1])
		}
	}
	if key.Scopes, err = record.ParseScopes(i.list("scope")); err != nil {
		return key, err
	}
	if key.AllowedIPs, err = record.ParseNetworks(i.list("allow-ip")); err != nil {
		return key, err
	}
	now := time.Now()
	if key.ExpiresAt, err = parseExpiry(i.text("expires"), now); err != nil {
		return key, err
	}
	if err := keystore.CheckExpiry(key.ExpiresAt, now); err != nil {
		return key, err
	}
	return key, keystore.CheckKey(&key)
}

// parseExpiry reads a duration from now or an RFC 3339 time; the empty text is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := keystore.ParseTime(text); err == nil {
		return at, nil
	}
	duration, err := record.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("expiry '%s' is not valid: write a duration such as 90d, or a time such as 2027-01-31T00:00:00Z", text)
	}
	return now.Add(duration).UTC().Truncate(time.Second), nil
}

func createKey(i *invocation) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	key, err := granted(i)
	if err != nil {
		return err
	}
	secret, err := apikey.New(app.KeyPrefix)
	if err != nil {
		return err
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		err := s.CreateKeys(i, act, i.text("workspace"), []keystore.NewKey{{Key: key, Sum: record.SumOf(secret)}})
		return done{
			committed: fmt.Sprintf("key %s was made, and its secret is lost: rotate or revoke it", key.ID),
			print: func() error {
				return i.printNewSecret(&keystore.Key{Key: key, Workspace: i.text("workspace")}, secret)
			},
		}, err
	})
}

// printNewSecret shows a secret, the only time ever.
func (i *invocation) printNewSecret(k *keystore.Key, secret string) error {
	view := keysapi.NewView(k, time.Now())
	if i.json() {
		return output.JSON(i.out(), createdView{
			ID: view.ID, Secret: secret, Workspace: view.Workspace, Name: view.Name, Scopes: view.Scopes,
			AllowedIPs: view.AllowedIPs, ExpiresAt: view.ExpiresAt,
		})
	}
	i.note("the secret is shown this once: only its hash is kept")
	return output.Fields(i.out(), "secret", secret, "key", k.ID, "name", output.Dash(k.Name), "workspace", k.Workspace,
		"scopes", output.Words(k.Scopes), "allowed ips", anywhere(k), "expires", output.When(k.ExpiresAt, "never"))
}

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

// changeKey makes a command that changes one key.
func changeKey(change func(*record.Key)) func(*invocation) error {
	return func(i *invocation) error {
		app, err := i.app()
		if err != nil {
			return err
		}
		return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
			id, err := s.KeyID(i, i.args[0])
			if err != nil {
				return done{}, err
			}
			differs := true
			key, err := s.UpdateKey(i, act, id, func(k *record.Key) error {
				disabled := k.Disabled
				change(k)
				differs = k.Disabled != disabled || !k.RevokedAt.IsZero()
				return nil
			})
			return done{
				nothing:   !differs,
				committed: fmt.Sprintf("key %s was changed", id),
				print:     func() error { return i.printKey(key) },
			}, err
		})
	}
}

func showKey(i *invocation) error {
	return i.read(func(s *config.Store) error {
		id, err := s.KeyID(i, i.args[0])
		if err != nil {
			return err
		}
		key, err := s.Key(i, id)
		if err != nil {
			return err
		}
		return i.printKey(key)
	})
}

func (i *invocation) printKey(k *keystore.Key) error {
	if i.json() {
		return output.JSON(i.out(), keysapi.NewView(k, time.Now()))
	}
	pairs := []string{"key", k.ID, "state", k.State(time.Now()), "name", output.Dash(k.Name), "workspace", k.Workspace,
		"scopes", output.Words(k.Scopes), "allowed ips", anywhere(k), "created", output.When(k.CreatedAt, "-"), "expires", output.When(k.ExpiresAt, "never")}
	if !k.RevokedAt.IsZero() {
		pairs = append(pairs, "revoked", output.When(k.RevokedAt, "-"))
	}
	for n, secret := range k.Secrets {
		pairs = append(pairs, fmt.Sprintf("secret %d", n+1), fmt.Sprintf("made %s, ends %s, last used %s",
			output.When(secret.CreatedAt, "-"), output.When(secret.ExpiresAt, "with the key"), output.When(secret.LastUsedAt, "never")))
	}
	return output.Fields(i.out(), pairs...)
}

func listKeys(i *invocation) error {
	return i.read(func(s *config.Store) error {
		all, err := allPages(func(after string) ([]*keystore.Key, error) { return s.Keys(i, i.text("workspace"), after, pageSize) },
			func(k *keystore.Key) string { return k.ID })
		if err != nil {
			return err
		}
		views := make([]*keysapi.View, len(all))
		rows := [][]string{{"KEY", "WORKSPACE", "NAME", "STATE", "SCOPES", "ALLOWED IPS", "EXPIRES", "LAST USED"}}
		for n, k := range all {
			views[n] = keysapi.NewView(k, time.Now())
			rows = append(rows, []string{k.ID, k.Workspace, output.Dash(k.Name), views[n].State, output.Words(k.Scopes), anywhere(k),
				output.When(k.ExpiresAt, "never"), output.When(lastUse(k), "never")})
		}
		if i.json() {
			return output.JSON(i.out(), views)
		}
		return output.Table(i.out(), rows)
	})
}

// allHistory is more changes than any key ever has.
const allHistory = 1 << 30

func keyHistory(i *invocation) error {
	return i.read(func(s *config.Store) error {
		id, err := s.KeyID(i, i.args[0])
		if err != nil {
			return err
		}
		events, err := s.History(i, "", id, allHistory)
		if err != nil {
			return err
		}
		views, rows := make([]eventView, len(events)), [][]string{{"AT", "BY", "ACTION", "DETAILS"}}
		for n, e := range events {
			views[n] = eventView{At: e.At.UTC(), By: e.By, Action: e.Action, Workspace: e.Workspace, Key: e.Key, Details: e.Details}
			rows = append(rows, []string{output.When(e.At, "-"), e.By, e.Action, string(e.Details)})
		}
		if i.json() {
			return output.JSON(i.out(), views)
		}
		return output.Table(i.out(), rows)
	})
}

// anywhere are a key's networks, for people.
func anywhere(k *keystore.Key) string {
	if len(k.AllowedIPs) == 0 {
		return "anywhere"
	}
	return output.Words(k.AllowedIPs)
}
