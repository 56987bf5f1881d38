package command

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/beside"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/transfer"
)

// exportView is the answer of store export for programs, where the stream goes into a file.
type exportView struct {
	File string `json:"file"`
	transfer.Counts
	LeftOut []string `json:"left_out"`
}

// thrift is how much garbage a command may leave, in percent of what it uses, that goes through all of a large store.
const thrift = 60

func exportStore(i *invocation) error {
	defer debug.SetGCPercent(debug.SetGCPercent(thrift))
	format := i.text("format")
	if format != "jsonl" && format != "keys.yaml" {
		return fmt.Errorf("format '%s' is not known: write jsonl or keys.yaml", format)
	}
	return i.read(func(s *config.Store) error {
		exporter, ok := s.Store.(keystore.Exporter)
		if !ok {
			return fmt.Errorf("key store %s cannot be exported", s.Place)
		}
		if format == "keys.yaml" {
			return i.exportYAML(s, exporter)
		}
		without, _ := i.cmd.Flags().GetBool("no-history")
		header := transfer.Header{Schema: exporter.Schema(), MadeAt: time.Now().Truncate(time.Microsecond), Tollgate: Version(), History: !without && exporter.Schema() > 0}
		var counts transfer.Counts
		err := i.toOutput(onlyExports, func(to io.Writer) error {
			w, err := transfer.NewWriter(to, header)
			if err == nil {
				err = exporter.Export(i, w.Records(header.History))
			}
			if err != nil {
				return fmt.Errorf("exporting key store %s: %w", s.Place, err)
			}
			counts, err = w.Close()
			return err
		})
		if err != nil {
			return err
		}
		var left []string
		if without {
			left = []string{"the history"}
		}
		i.note("exported key store: %s", s.Place)
		return i.sayExported(counts, left)
	})
}

// exportYAML writes what a keys file can hold.
func (i *invocation) exportYAML(s *config.Store, exporter keystore.Exporter) error {
	c := file.NewComposer(time.Now())
	if err := exporter.Export(i, c.Records()); err != nil {
		return fmt.Errorf("exporting key store %s: %w", s.Place, err)
	}
	text, err := c.Text()
	if err != nil {
		return err
	}
	if err := i.toOutput(onlyEmpty, func(to io.Writer) error { _, err := to.Write(text); return err }); err != nil {
		return err
	}
	i.note("exported key store: %s", s.Place)
	workspaces, keys := c.Counts()
	return i.sayExported(transfer.Counts{Workspaces: workspaces, Keys: keys, Secrets: keys}, c.LeftOut(exporter.Schema() > 0))
}

// toOutput writes to the file that --output names, whole or not at all, or to standard output.
func (i *invocation) toOutput(replace func(*os.File) error, write func(io.Writer) error) error {
	if i.given("output") {
		return beside.Write(i.text("output"), replace, write)
	}
	buffered := bufio.NewWriterSize(i.out(), 64<<10)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// onlyExports lets an export take the place of another, or of nothing.
func onlyExports(old *os.File) error {
	const begin = `{"record":"header"`
	head := make([]byte, len(begin))
	n, err := io.ReadFull(old, head)
	if n > 0 && (err != nil || string(head) != begin) {
		return fmt.Errorf("%s is there already, and is not an export: name another file", old.Name())
	}
	return nil
}

// onlyEmpty lets a keys file take the place of nothing, or of one that says nothing.
func onlyEmpty(old *os.File) error {
	text, err := io.ReadAll(io.LimitReader(old, 1024))
	if err == nil && !file.Empty(text) {
		err = fmt.Errorf("%s is there already, with something in it that would be lost: name another file", old.Name())
	}
	return err
}

// sayExported says what is in the stream, beside it: a program has it in the stream's own last line.
func (i *invocation) sayExported(counts transfer.Counts, left []string) error {
	if i.json() && i.given("output") {
		return output.JSON(i.out(), exportView{File: i.text("output"), Counts: counts, LeftOut: append([]string{}, left...)})
	}
	i.note("workspaces: %d, keys: %d, secrets: %d, entries of the history: %d", counts.Workspaces, counts.Keys, counts.Secrets, counts.Events)
	for _, line := range left {
		i.note("left out: %s", output.Printable(line))
	}
	return nil
}
