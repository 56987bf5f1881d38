package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/payload"
)

func (s *session) modulesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "modules", Short: "List the modules that the session can see", Args: cobra.NoArgs,
		RunE: s.action(func(ctx context.Context, _ []string) error {
			modules, err := s.discover(ctx)
			if err != nil {
				return err
			}
			s.printModules(modules)
			return nil
		}),
	}
}

func (s *session) searchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "search WORD", Short: "List the modules whose document or label holds a word", Args: cobra.ExactArgs(1),
		RunE: s.action(func(ctx context.Context, arguments []string) error {
			modules, err := s.discover(ctx)
			if err != nil {
				return err
			}
			found, word := []api.Module{}, strings.ToLower(arguments[0])
			for _, m := range modules {
				if strings.Contains(strings.ToLower(m.Document+"\n"+m.Label), word) {
					found = append(found, m)
				}
			}
			if len(found) == 0 {
				return fmt.Errorf("no module holds %s: %s", api.Line(arguments[0]), suggestion(modules, arguments[0]))
			}
			s.printModules(found)
			return nil
		}),
	}
}

func (s *session) fieldsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "fields MODULE", Short: "Show a module's fields; the module may be named roughly, by document or label", Args: cobra.ExactArgs(1),
		RunE: s.action(func(ctx context.Context, arguments []string) error {
			modules, err := s.discover(ctx)
			if err != nil {
				return err
			}
			m, err := roughly(modules, arguments[0])
			if err != nil {
				return err
			}
			if err := s.client.Complete(ctx, m); err != nil {
				return err
			}
			s.printFields(m)
			return nil
		}),
	}
}

func (s *session) metadataCommand() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use: "metadata --out DIR", Short: "Write the modules' metadata as modules.json, the data of the gateway's policies", Args: cobra.NoArgs,
		RunE: s.action(func(ctx context.Context, _ []string) error {
			modules, err := s.discover(ctx)
			if err != nil {
				return err
			}
			bare := []string{}
			for i := range modules {
				if err := s.client.Complete(ctx, &modules[i]); err != nil {
					return err
				}
				if !modules[i].Complete {
					bare = append(bare, modules[i].Document)
				}
			}
			path, err := writeMetadata(folder, modules)
			if err != nil {
				return err
			}
			if s.json {
				s.printJSON(map[string]any{"file": path, "modules": len(modules), "incomplete": bare})
				return nil
			}
			fmt.Fprintf(&s.out, "wrote %d modules to %s\n", len(modules), path)
			if len(bare) > 0 {
				fmt.Fprintf(&s.out, "not known is what the fields of these require, since nobody tells this session: %s\n", api.Line(strings.Join(bare, ", ")))
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&folder, "out", "", "folder to write modules.json into; it is made if it is missing")
	_ = cmd.MarkFlagRequired("out") // it exists
	return cmd
}

// discover connects and asks for the modules.
func (s *session) discover(ctx context.Context) ([]api.Module, error) {
	client, err := s.connect()
	if err != nil {
		return nil, err
	}
	return client.Modules(ctx)
}

// writeMetadata writes the modules with their fields by name, whole or not at all: the gateway watches the file.
func writeMetadata(folder string, modules []api.Module) (path string, err error) {
	if len(modules) == 0 {
		return "", errors.New("the server shows no modules to this session: nothing written")
	}
	type module struct {
		Document string               `json:"document"`
		Label    string               `json:"label"`
		Fields   map[string]api.Field `json:"fields"`
	}
	all := map[string]module{}
	for _, m := range modules {
		fields := make(map[string]api.Field, len(m.Fields))
		for _, f := range m.Fields {
			fields[f.Name] = f
		}
		all[m.Document] = module{m.Document, m.Label, fields}
	}
	text, err := json.MarshalIndent(map[string]any{"modules": all}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing the metadata: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of the metadata: %w", err)
	}
	path = filepath.Join(folder, "modules.json")
	if err := replaceFile(path, append(text, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("writing the metadata: %w", err)
	}
	return path, nil
}

// replaceFile puts a file into its place whole. Readers of policies do not look at names that begin with a dot.
func replaceFile(path string, text []byte, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".konecty-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already if all went well
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

func (s *session) printModules(modules []api.Module) {
	if s.json {
		s.printJSON(modules)
		return
	}
	rows := [][]string{{"DOCUMENT", "LABEL", "FIELDS"}}
	for _, m := range modules {
		rows = append(rows, []string{m.Document, m.Label, strconv.Itoa(len(m.Fields))})
	}
	s.printTable(rows)
}

func (s *session) printFields(m *api.Module) {
	if s.json {
		s.printJSON(m)
		return
	}
	fmt.Fprintf(&s.out, "%s (%s)\n\n", api.Line(m.Document), api.Line(m.Label))
	rows := [][]string{{"NAME", "TYPE", "LABEL", "REQUIRED", "TAKES"}}
	for i := range m.Fields {
		f := &m.Fields[i]
		rows = append(rows, []string{f.Name, typeName(f), f.Label, requirement(f), choices(f)})
	}
	s.printTable(rows)
	if len(m.ReverseLookups) > 0 {
		from := make([]string, len(m.ReverseLookups))
		for i, r := range m.ReverseLookups {
			from[i] = r.Document + "." + r.Lookup
		}
		fmt.Fprintf(&s.out, "\nIts records are named by: %s\n", api.Line(strings.Join(from, ", ")))
	}
	if !m.Complete {
		fmt.Fprintf(&s.out, "\nWhich fields are required, lists or bounded is not known: nobody tells this session.\n")
	}
}

func typeName(f *api.Field) string {
	switch {
	case f.Type == "autoNumber":
	case f.IsList == nil:
		return f.Type + ", maybe a list"
	case *f.IsList:
		return f.Type + " list"
	}
	return f.Type
}

func requirement(f *api.Field) string {
	switch {
	case f.Type == "autoNumber":
		return "never send"
	case f.Default() != nil:
		return "default " + shown(f.Default())
	case f.IsRequired && !f.HasDefault(), f.MaxElements > 0, f.MinElements > 0:
		return "yes"
	}
	return ""
}

// choices are a picklist's keys, what a lookup points to, and bounds.
func choices(f *api.Field) string {
	words := payload.Bounds(f)
	switch {
	case f.Type == "picklist" && f.Options != nil:
		words = append(words, payload.Choice(f))
	case f.IsLookup():
		words = append(words, "_id of "+f.Document)
	}
	if f.MinElements > 0 {
		words = append(words, fmt.Sprintf("at least %v", f.MinElements))
	}
	if f.MaxElements > 0 {
		words = append(words, fmt.Sprintf("at most %v", f.MaxElements))
	}
	if f.AllowDuplicates != nil && !*f.AllowDuplicates {
		words = append(words, "none twice")
	}
	return strings.Join(words, ", ")
}
