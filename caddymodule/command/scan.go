package command

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
)

// leakView is a live key in a file, as --json gives it.
type leakView struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Key       string `json:"key"`
	Workspace string `json:"workspace"`
	// Fingerprint tells which of the key's secrets it is: key show has the same.
	Fingerprint string `json:"fingerprint"`
}

// scanFolder looks for secrets of our form in all files below a folder, and asks the store which of them work.
func scanFolder(i *invocation) error {
	return i.read(func(s *config.Store) error {
		if _, err := s.Workspaces(i, "", 1); err != nil {
			return err // without a store nothing is live, whatever the files hold
		}
		views, rows := []leakView{}, [][]string{}
		unread, err := keystore.Scan(i, s.Store, i.args[0], s.KeyPrefix, func(l keystore.Leak) error {
			views = append(views, leakView{l.Path, l.Line, l.Key, l.Workspace, l.Fingerprint})
			rows = append(rows, []string{l.Path + ":" + strconv.Itoa(l.Line), l.Key, l.Workspace, l.Fingerprint})
			return nil
		})
		if err != nil {
			return err
		}
		for _, problem := range unread {
			i.note("not scanned: %v", problem)
		}
		if i.json() {
			return errors.Join(output.JSON(i.out(), views), scanned(len(views), len(unread)))
		}
		columns := []output.Column{output.Path(""), output.Whole(""), output.Whole(""), output.Whole("")}
		return errors.Join(output.Table(i.out(), i.width(), columns, rows), scanned(len(views), len(unread)))
	})
}

// scanned is the verdict of a scan: what could not be read may hold anything.
func scanned(found, unread int) error {
	switch {
	case found > 0:
		return fmt.Errorf("live keys found: %d: end each secret with key rotate KEY_ID --grace 0s, or revoke the key", found)
	case unread > 0:
		return fmt.Errorf("files that could not be read: %d", unread)
	}
	return nil
}
