package command

import (
	"fmt"
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
		Name: "key", Usage: "COMMAND",
		Short: "Makes, shows, changes and finds keys",
		CobraFunc: func(cmd *cobra.Command) {
			create := command("create", "Makes a key, whose secret is shown once", createKey)
			grants(create)
			set := command("set KEY_ID", "Changes a key's name, scopes, allowlist, limits and end", setKey)
			setFlags(set)
			imports := command("import", "Takes over the secrets on standard input, one a line: all or none", importKeys)
			grants(imports)
			imports.Flags().Bool("sha256", false, "the lines are SHA-256 hashes of secrets, in hexadecimal digits")
			list := withTable(command("list", "Lists the keys", listKeys))
			filters(list)
			rotate := command("rotate [KEY_ID]", "Gives a key a second secret; the old one lives on for the grace", rotateKey)
			rotate.Long = `Gives a key a second secret; the old one lives on for the grace. --all does so for every active key of
a workspace, one after the other, and prints each secret as soon as it works, with --json an object a line.`
			rotate.Flags().String("grace", "24h", "how long")
			rotate.Flags().Bool("all", false, "all active keys of --workspace")
			rotate.Flags().String("workspace", "", "with --all: whose keys")
			rotate.Flags().Bool("yes", false, "with --all: do not ask")
			scan := withTable(command("scan FOLDER", "Finds live keys in files; fails where it finds any", scanFolder))
			scan.Long = `Finds live keys in the files of a folder, or in one file, by form and checksum, and asks the store which of them work.
Text may be UTF-8 or UTF-16; archives and compressed files are not opened. A key that was imported, and has another form
than those made here, cannot be recognised: the store knows but its hash.`
			group(cmd, create, list,
				set,
				command("show KEY_ID", "Shows one key", showKey),
				withTable(command("history KEY_ID", "Shows every change of a key, the newest first", keyHistory)),
				command("disable KEY_ID", "Refuses a key until it is enabled", changeKey(func(k *record.Key) { k.Disabled = true })),
				command("enable KEY_ID", "Takes back disable", changeKey(func(k *record.Key) { k.Disabled = false })),
				command("revoke KEY_ID", "Refuses a key for good", changeKey(func(k *record.Key) { k.RevokedAt = time.Now().UTC() })),
				rotate, imports,
				command("hash", "Prints the SHA-256 of a secret on standard input, for keys.yaml", hashSecret),
				scan)
		},
	}
}

func createKey(i *invocation) error {
	c, app, err := i.gateway()
	if err != nil {
		return err
	}
	key, err := granted(i)
	if err != nil {
		return err
	}
	i.warnOfScopes(c, key.Scopes)
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
		i.adviseOnLeak(key)
		return i.printKey(key)
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
		return i.printHistory(s, "", id)
	})
}

// printHistory shows the changes of a workspace or of one key. Who made them is long: it may be a key of the HTTP API.
func (i *invocation) printHistory(s *config.Store, workspace, key string) error {
	events, err := s.History(i, workspace, key, allHistory)
	if err != nil {
		return err
	}
	views, rows := make([]keysapi.EventView, len(events)), make([][]string, len(events))
	for n, e := range events {
		views[n] = keysapi.NewEventView(&e)
		rows[n] = []string{output.When(e.At, "-"), e.By, e.Action, output.Dash(e.Key), string(e.Details)}
	}
	if i.json() {
		return output.JSON(i.out(), views)
	}
	columns := []output.Column{output.Whole("AT"), output.Wide("BY"), output.Whole("ACTION"), output.Whole("KEY").If(key == ""), output.Short("DETAILS")}
	return output.Table(i.out(), i.width(), columns, rows)
}
