package command

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/beside"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
)

// importView is the answer of store import for programs.
type importView struct {
	DryRun     bool       `json:"dry_run"`
	Workspaces importedOf `json:"workspaces"`
	Keys       importedOf `json:"keys"`
	Secrets    int        `json:"secrets_added"`
	Events     int        `json:"events_added"`
	// Records are what was changed or left as it is, and, where the store was not empty, added.
	Records []keystore.Outcome `json:"records"`
	// Unnamed are how many more there are.
	Unnamed int `json:"unnamed"`
	// LeftOut is what a keys file cannot hold.
	LeftOut []string `json:"left_out,omitempty"`
}

type importedOf struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Left    int `json:"left"`
	Same    int `json:"same"`
}

func importStore(i *invocation) error {
	defer debug.SetGCPercent(debug.SetGCPercent(thrift))
	app, err := i.app()
	if err != nil {
		return err
	}
	from, err := i.stream()
	if err != nil {
		return err
	}
	defer from.free()
	checked, err := from.check()
	if err != nil {
		return err
	}
	i.note("from a stream of %s, made by tollgate %s", output.When(checked.MadeAt, "-"), output.Printable(checked.Tollgate))
	path, err := config.KeysFile(i, app)
	if err != nil {
		return err
	}
	if path != "" {
		return i.importToFile(path, from, checked)
	}
	dry, _ := i.cmd.Flags().GetBool("dry-run")
	take := func(s *config.Store, act keystore.Act) (*keystore.Imported, error) {
		importer, ok := s.Store.(keystore.Importer)
		if !ok {
			return nil, fmt.Errorf("key store %s takes no import", s.Place)
		}
		return importer.Import(i, act, from.replay(checked), keystore.ImportOptions{Dry: dry, History: checked.History})
	}
	if dry {
		return i.read(func(s *config.Store) error {
			imported, err := take(s, keystore.Act{})
			if err != nil {
				return err
			}
			i.note("this is a dry run, nothing changed in key store: %s", s.Place)
			return i.printImported(imported, true)
		})
	}
	return i.write(app, true, func(s *config.Store, act keystore.Act) (done, error) {
		imported, err := take(s, act)
		if err != nil {
			return done{}, err
		}
		return done{
			nothing:   imported.Nothing(),
			committed: fmt.Sprintf("%d workspaces and %d keys were imported", imported.Workspaces.Added, imported.Keys.Added),
			print:     func() error { return i.printImported(imported, false) },
		}, nil
	})
}

// shownOutcomes is how many records people are told of one by one; programs are told of keystore.MaxNamed.
const shownOutcomes = 50

func (i *invocation) printImported(im *keystore.Imported, dry bool) error {
	if i.json() {
		return output.JSON(i.out(), importView{DryRun: dry, Workspaces: importedOf(im.Workspaces), Keys: importedOf(im.Keys),
			Secrets: im.Secrets, Events: im.Events, Records: append([]keystore.Outcome{}, im.Named...), Unnamed: im.Unnamed})
	}
	var rows [][]string
	for _, of := range []struct {
		what string
		n    importedOf
	}{{"workspaces", importedOf(im.Workspaces)}, {"keys", importedOf(im.Keys)}} {
		rows = append(rows, []string{of.what, fmt.Sprint(of.n.Added), fmt.Sprint(of.n.Changed), fmt.Sprint(of.n.Left), fmt.Sprint(of.n.Same)})
	}
	rows = append(rows, []string{"secrets", fmt.Sprint(im.Secrets)}, []string{"history", fmt.Sprint(im.Events)})
	columns := []output.Column{output.Whole(""), output.Whole("ADDED"), output.Whole("CHANGED"), output.Whole("LEFT"), output.Whole("SAME")}
	if err := output.Table(i.out(), output.Width, columns, rows); err != nil {
		return err
	}
	for n, o := range im.Named {
		if n == shownOutcomes {
			_, err := fmt.Fprintf(i.out(), "and %d more: --json names them\n", len(im.Named)-n+im.Unnamed)
			return err
		}
		line := fmt.Sprintf("%s: %s %s", o.Result, o.Record, o.ID)
		if o.Why != "" {
			line += ": " + o.Why
		}
		if _, err := fmt.Fprintln(i.out(), output.Hang(line, 0, 2, output.Width)); err != nil {
			return err
		}
	}
	return nil
}

// importToFile writes a keys file where there is none yet, or one that says nothing: what people wrote stays theirs.
func (i *invocation) importToFile(path string, from *stream, checked *transfer.Stream) error {
	c := file.NewComposer(time.Now())
	if err := from.replay(checked)(c.Records()); err != nil {
		return err
	}
	text, err := c.Text()
	if err != nil {
		return err
	}
	dry, _ := i.cmd.Flags().GetBool("dry-run")
	if dry {
		i.note("this is a dry run, nothing changed in key store: file %s", path)
	} else {
		if err := beside.Write(path, onlyEmpty, func(to io.Writer) error { _, err := to.Write(text); return err }); err != nil {
			return fmt.Errorf("%w; or take it from: store export --format keys.yaml", err)
		}
		i.note("changed key store: file %s", path)
	}
	var im keystore.Imported
	im.Workspaces.Added, im.Keys.Added = c.Counts()
	im.Secrets = im.Keys.Added
	left := c.LeftOut(checked.History)
	if i.json() {
		view := importView{DryRun: dry, Workspaces: importedOf(im.Workspaces), Keys: importedOf(im.Keys), Secrets: im.Secrets,
			Records: []keystore.Outcome{}, LeftOut: left}
		return output.JSON(i.out(), view)
	}
	if err := i.printImported(&im, dry); err != nil || len(left) == 0 {
		return err
	}
	_, err = fmt.Fprintln(i.out(), output.Hang("left out: "+strings.Join(left, "; "), 0, 2, output.Width))
	return err
}
