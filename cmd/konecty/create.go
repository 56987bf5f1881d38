package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/api"
	"github.com/tollgate-gateway/tollgate/cmd/konecty/internal/payload"
)

// invalidError is a record that would be refused, or was, with everything that is wrong with it.
type invalidError struct {
	summary  string
	problems []api.Problem
	cause    error
}

// Error is the summary and a line for each problem.
func (e *invalidError) Error() string {
	if len(e.problems) == 0 {
		return e.summary
	}
	lines := []string{e.summary + ":"}
	for _, p := range e.problems {
		lines = append(lines, "  "+p.Field+": "+p.Text)
	}
	return strings.Join(lines, "\n")
}

func (e *invalidError) Unwrap() error { return e.cause }

func (s *session) createCommand() *cobra.Command {
	var data string
	var lookups []string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "create DOCUMENT --data JSON|@FILE|-", Short: "Create a record, after judging every value", Args: cobra.ExactArgs(1),
		Example: `  konecty create Message --data '{"subject": "Welcome", "type": "Email"}' --lookup contact=16503 --dry-run`,
		RunE: s.action(func(ctx context.Context, arguments []string) error {
			given, err := s.readData(data)
			if err != nil {
				return usageError{err}
			}
			wanted, err := parseLookups(lookups)
			if err != nil {
				return usageError{err}
			}
			return s.create(ctx, arguments[0], given, wanted, dryRun)
		}),
	}
	cmd.Flags().StringVar(&data, "data", "", "the record as a JSON object, @file to read it from a file, - from standard input")
	cmd.Flags().StringArrayVar(&lookups, "lookup", nil, "find the record for a lookup field by code or text, such as contact=16503; may be repeated, for a list field too")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "judge and print what would be sent, and create nothing")
	cmd.MarkFlagsOneRequired("data", "lookup")
	return cmd
}

// readData reads --data: one JSON object. Numbers keep their digits.
func (s *session) readData(data string) (map[string]any, error) {
	text, err := []byte(data), error(nil)
	switch {
	case data == "":
		return map[string]any{}, nil
	case data == "-":
		text, err = io.ReadAll(s.stdin)
	case data[0] == '@':
		text, err = os.ReadFile(data[1:])
	}
	if err != nil {
		return nil, fmt.Errorf("reading --data: %w", err)
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil || object == nil {
		return nil, fmt.Errorf(`--data must be one JSON object, such as {"name": {"first": "Maria"}}%s`, because(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("--data must be one JSON object, and nothing after it")
	}
	return object, nil
}

// because gives a reason in brackets. What encoding/json says of types is about Go.
func because(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(" (%v at byte %d)", syntax, syntax.Offset)
	}
	return ""
}

// wantedLookup is one --lookup.
type wantedLookup struct{ field, term string }

func parseLookups(texts []string) (wanted []wantedLookup, err error) {
	for _, text := range texts {
		field, term, found := strings.Cut(text, "=")
		if field, term = strings.TrimSpace(field), strings.TrimSpace(term); !found || field == "" || term == "" {
			return nil, fmt.Errorf("--lookup must look like contact=16503, not %q", text)
		}
		wanted = append(wanted, wantedLookup{field, term})
	}
	return wanted, nil
}

// create discovers, judges and sends.
func (s *session) create(ctx context.Context, document string, given map[string]any, wanted []wantedLookup, dryRun bool) error {
	modules, err := s.discover(ctx)
	if err != nil {
		return err
	}
	m, err := exactly(modules, document)
	if err != nil {
		return err
	}
	if err := s.client.Complete(ctx, m); err != nil {
		return err
	}
	record := payload.Strip(given)
	unresolved, err := s.resolve(ctx, modules, m, record, wanted)
	if err != nil {
		return err
	}
	problems := payload.Problems(m, record)
	for _, p := range unresolved {
		problems = append(withoutField(problems, p.Field), p)
	}
	if len(problems) == 0 && len(record) == 0 {
		return &invalidError{summary: "nothing to create: the record has no field"}
	}
	if len(problems) > 0 {
		return &invalidError{summary: fmt.Sprintf("%s is not valid, nothing was sent", m.Document), problems: problems}
	}
	if dryRun {
		s.printJSON(record)
		return nil
	}
	created, err := s.client.Create(ctx, m.Document, record)
	if err != nil {
		return advised(m, err)
	}
	if !s.json {
		fmt.Fprintf(&s.out, "created %s %s\n\n", api.Line(m.Document), api.Line(created.ID()))
	}
	s.printRecord(created)
	return nil
}

// resolve puts the records that --lookup names into the payload, and says which could not be found.
func (s *session) resolve(ctx context.Context, modules []api.Module, m *api.Module, into map[string]any, wanted []wantedLookup) (problems []api.Problem, err error) {
	for _, want := range wanted {
		f := m.Field(want.field)
		_, sent := into[want.field]
		if f == nil || !f.IsLookup() || sent && f.IsList != nil && !*f.IsList {
			problems = append(problems, api.Problem{Field: want.field, Text: notResolvable(m, f)})
			continue
		}
		id, problem, err := s.findOne(ctx, modules, f, want.term)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems = append(problems, api.Problem{Field: want.field, Text: problem})
			continue
		}
		reference := map[string]any{"_id": id}
		switch before := into[want.field].(type) {
		case []any:
			into[want.field] = append(before, reference)
		case nil:
			into[want.field] = any(reference)
			if f.IsList != nil && *f.IsList {
				into[want.field] = []any{reference}
			}
		default:
			into[want.field] = []any{before, reference}
		}
	}
	return problems, nil
}

func notResolvable(m *api.Module, f *api.Field) string {
	switch {
	case f == nil:
		return "is not a field of " + m.Document + ", so that --lookup cannot fill it"
	case !f.IsLookup():
		return "is not a lookup: give its value in --data"
	}
	return "is given twice: in --data and by --lookup"
}

// candidates is how many records are shown where a term is not clear.
const candidates = 5

// findOne finds the record that a term names, or says which it may mean.
func (s *session) findOne(ctx context.Context, modules []api.Module, f *api.Field, term string) (id, problem string, err error) {
	var fields []string
	for i := range modules {
		if modules[i].Document == f.Document {
			fields = displayFields(&modules[i])
		}
	}
	found, err := s.client.Find(ctx, api.Query{Document: f.Document, Term: term, Fields: fields, Limit: candidates + 1})
	if err != nil {
		return "", "", err
	}
	if len(found) <= candidates { // else there may be more that are called so
		found = preferNamed(found, fields, term)
	}
	switch len(found) {
	case 0:
		return "", fmt.Sprintf("matches nothing: no %s has %s", f.Document, api.Line(term)), nil
	case 1:
		return found[0].ID(), "", nil
	}
	lines := []string{fmt.Sprintf("is not clear: several %s match %s; say the code, or put one of these into --data:", f.Document, api.Line(term))}
	for _, record := range found[:min(len(found), candidates)] {
		line := fmt.Sprintf(`    {"_id": %q}`, record.ID())
		for _, field := range fields {
			line += "  " + shown(record[field])
		}
		lines = append(lines, api.Line(line))
	}
	if len(found) > candidates {
		lines = append(lines, "and more")
	}
	return "", strings.Join(lines, "\n    "), nil
}

// preferNamed keeps only the records that are called exactly so, if there are any.
func preferNamed(found []api.Record, fields []string, term string) []api.Record {
	var named []api.Record
	for _, record := range found {
		if slices.ContainsFunc(fields, func(field string) bool { return strings.EqualFold(shown(record[field]), term) }) {
			named = append(named, record)
		}
	}
	if named == nil {
		return found
	}
	return named
}

func withoutField(problems []api.Problem, field string) []api.Problem {
	kept := make([]api.Problem, 0, len(problems))
	for _, p := range problems {
		if p.Field != field {
			kept = append(kept, p)
		}
	}
	return kept
}

// advised says of each field that the server still refused what to do about it.
func advised(m *api.Module, err error) error {
	var refusal *api.Refusal
	if !errors.As(err, &refusal) || len(refusal.Problems) == 0 {
		return err
	}
	summary := fmt.Sprintf("%s was refused", m.Document)
	if refusal.Message != "" {
		summary = fmt.Sprintf("%s was refused: %s", m.Document, refusal.Message)
	}
	problems := make([]api.Problem, len(refusal.Problems))
	for i, p := range refusal.Problems {
		problems[i] = api.Problem{Field: p.Field, Text: p.Text + advice(m.Field(p.Field), p.Text)}
	}
	return &invalidError{summary, problems, err}
}

func advice(f *api.Field, text string) string {
	switch {
	case strings.Contains(text, "permission"):
		return " → leave it out, or ask for the permission"
	case f == nil:
		return ""
	case f.IsLookup():
		return fmt.Sprintf(` → "konecty lookup %s <code or text>" finds the _id`, f.Document)
	}
	return " → send " + payload.Form(f)
}
