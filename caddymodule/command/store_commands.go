package command

import (
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

func storeCommands() caddycmd.Command {
	return caddycmd.Command{
		Name: "store", Usage: "export|import|backup|check",
		Short: "Moves, copies and checks the key store",
		CobraFunc: func(cmd *cobra.Command) {
			export := command("export", "Writes all that the store holds at one moment, for store import", exportStore)
			export.Long = `Writes all that the key store holds, as of one moment, as JSON Lines: workspaces, keys with the
hashes of their secrets, and their history. The gateway may run meanwhile. The last line holds a
checksum, so that a stream that was cut is refused.

--format keys.yaml writes what a keys file can hold instead, and says what it leaves out.`
			export.Flags().StringP("output", "o", "", "file to write, whole or not at all (default standard output)")
			export.Flags().String("format", "jsonl", "jsonl, or keys.yaml")
			export.Flags().Bool("no-history", false, "leave out who changed what, and when")
			imports := command("import [FILE]", "Takes in what store export wrote: what is missing here", importStore)
			imports.Long = `Takes in what store export wrote, from a file or standard input. All of it is checked first, and it is taken in
as a whole or not at all. An empty store gets everything, a missing one is made. Another store gets what it lacks:
what it holds stays, and the stricter wins. A key that is revoked, disabled or ended on either side is so afterwards,
and what was deleted here stays so. Nothing is deleted. Where an id or a secret stands for two different
keys, nothing is imported.

The gateway may run meanwhile, and other commands that change the store wait.`
			imports.Flags().Bool("dry-run", false, "say what would come in, and change nothing")
			backup := command("backup FILE", "Copies a SQLite store, as of one moment, while the gateway runs", backupStore)
			backup.Long = `Copies a SQLite store, as of one moment, into a file that is not there yet. The gateway may run meanwhile. A cp of the
database would miss what still lies in the log beside it.`
			check := command("check", "Looks the store over; fails where it finds something", checkStore)
			check.Long = `Looks the key store over: the database's own structures, that every record can be read and is valid, that every secret has its
key, that the log of changes has no gaps, that what was used counts as gateways count, and that nobody else can open the file. A store
of its own for usage is looked over as well. It writes nothing.`
			group(cmd, export, imports, backup, check)
		},
	}
}

func backupStore(i *invocation) error {
	return i.keeper(func(s *config.Store, keeper keystore.Keeper) error {
		path := i.args[0]
		if err := keeper.Backup(i, path); err != nil {
			return err
		}
		if i.json() {
			return output.JSON(i.out(), map[string]string{"backup": path, "of": s.Place})
		}
		i.note("backed up key store: %s", s.Place)
		_, err := fmt.Fprintln(i.out(), path)
		return err
	})
}

// checkView is the answer of store check for programs.
type checkView struct {
	Store    string             `json:"store"`
	Findings []keystore.Finding `json:"findings"`
	keystore.Held
}

// maxFindings is how many findings are shown. A broken store may have as many as records.
const maxFindings = 100

func checkStore(i *invocation) error {
	return i.keeper(func(s *config.Store, keeper keystore.Keeper) error {
		view, count := checkView{Store: s.Place, Findings: []keystore.Finding{}}, 0
		found := func(f keystore.Finding) {
			if count++; count <= maxFindings {
				view.Findings = append(view.Findings, f)
			}
		}
		var err error
		if view.Held, err = keeper.Check(i, found); err != nil {
			return err
		}
		if err := i.checkUsage(found); err != nil {
			return err
		}
		if i.json() {
			err = output.JSON(i.out(), view)
		} else {
			err = i.printCheck(&view)
		}
		switch {
		case err != nil:
			return err
		case count == 1:
			return errors.New("the store has 1 finding")
		case count > maxFindings:
			return fmt.Errorf("the store has %d findings; the first %d are shown", count, maxFindings)
		case count > 0:
			return fmt.Errorf("the store has %d findings", count)
		}
		return nil
	})
}

// checkUsage looks over the store that the configuration names for usage alone, if any.
func (i *invocation) checkUsage(found func(keystore.Finding)) error {
	app, err := i.app()
	if err != nil || app.Usage == nil || app.Usage.Off || app.Usage.StoreRaw == nil {
		return err
	}
	return i.ledger(func(ledger usage.Keeper, place string) error {
		keeper, ok := ledger.(keystore.Keeper)
		if !ok {
			return fmt.Errorf("the store of usage %s cannot be checked by commands", place)
		}
		_, err := keeper.Check(i, func(f keystore.Finding) {
			f.What = place + ": " + f.What
			found(f)
		})
		return err
	})
}

func (i *invocation) printCheck(view *checkView) error {
	for _, f := range view.Findings {
		if _, err := fmt.Fprintf(i.out(), "%s\n  do: %s\n", output.Hang(f.What, 0, 2, output.Width), output.Hang(f.Do, 6, 6, output.Width)); err != nil {
			return err
		}
	}
	if err := output.Fields(i.out(), "store", output.Unbroken(view.Store), "workspaces", fmt.Sprint(view.Workspaces), "keys", fmt.Sprint(view.Keys),
		"secrets", fmt.Sprint(view.Secrets), "revisions", fmt.Sprint(view.Revisions)); err != nil || len(view.Findings) > 0 {
		return err
	}
	_, err := fmt.Fprintln(i.out(), "nothing is wrong with it")
	return err
}

// keeper lets a command copy or check the store.
func (i *invocation) keeper(do func(*config.Store, keystore.Keeper) error) error {
	return i.read(func(s *config.Store) error {
		keeper, ok := s.Store.(keystore.Keeper)
		if !ok {
			return fmt.Errorf("key store %s cannot be copied or checked by commands", s.Place)
		}
		return do(s, keeper)
	})
}
