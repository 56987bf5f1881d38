package command

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// deleteWorkspace takes a workspace away for good. It asks whoever sits at a terminal; a program says --yes.
func deleteWorkspace(i *invocation) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	id := i.args[0]
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		if _, err := s.Workspace(i, id); err != nil {
			return done{}, err
		}
		if sure, _ := i.cmd.Flags().GetBool("yes"); !sure {
			question := fmt.Sprintf("This deletes workspace %s with all its keys and their secrets, for good. Its history stays.\n"+
				"To refuse its keys for a time: workspace suspend %s --reason R\nType its id to delete it: ", id, id)
			if err := i.confirm(id, question); err != nil {
				return done{}, fmt.Errorf("workspace %s was not deleted: %w", id, err)
			}
		}
		keys, err := s.DeleteWorkspace(i, act, id)
		return done{committed: fmt.Sprintf("workspace %s was deleted, with %d keys", id, keys), print: func() error {
			if i.json() {
				return output.JSON(i.out(), keysapi.DeletedWorkspace{ID: id, Deleted: true, Keys: keys})
			}
			return output.Fields(i.out(), "workspace", id, "state", "deleted", "keys", fmt.Sprintf("%d, deleted with their secrets", keys))
		}}, err
	})
}

// confirm lets a person type a workspace's id. Anything else, and no terminal to ask at, is an error.
func (i *invocation) confirm(id, question string) error {
	in, ok := i.cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errors.New("there is no terminal to ask at; write --yes to do it unasked")
	}
	fmt.Fprint(i.cmd.ErrOrStderr(), question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err == nil && strings.TrimSpace(line) == id {
		return nil
	}
	return errors.New("what was typed is not its id")
}
