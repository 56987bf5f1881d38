package command

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

func usageCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "usage", Usage: "[WORKSPACE]",
		Short: "Shows what workspaces used, in requests and cost",
		Long: `Shows what workspaces used: how many requests, and what they took from the limits. What was
granted has the class of the answer's status as its code, such as 2xx, what the gateway refused the
code of the error. The way is mcp for calls of MCP tools, and http for all else. Gateways write every 5 seconds. Days and months are those of UTC.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(withTable(cmd), showUsage)
			cmd.Flags().String("from", "", "first day, such as 2026-12-01, an RFC 3339 time, or how long ago (default the first of the month)")
			cmd.Flags().String("to", "", "the end, which is not shown itself, written like --from (default now)")
			cmd.Flags().String("by", "", "columns, with commas: "+strings.Join(usage.FieldNames(), ", ")+" (default workspace, of one day)")
			cmd.Flags().Bool("csv", false, "answer as comma-separated values")
			export := command("export", "Writes the ledger for billing, from a cursor on", exportUsage)
			export.Long = `Writes the entries of the ledger as JSON Lines, in an order that never changes, each with the cursor behind it. Whoever
goes on from the cursor of the last entry that was taken gets no entry twice and misses none. Entries are written when
the hour in which gateways wrote them is over, for they change no more then.`
			export.Flags().String("since", "", "cursor of the last entry that you have (default from the beginning)")
			export.Flags().String("format", "json", "json, or cloudevents (CloudEvents 1.0, one event a line)")
			export.Flags().String("source", "/tollgate/usage", "what names this installation, as the source of CloudEvents")
			cmd.AddCommand(export)
		},
	}
}

// ledger lets a command look into what was used.
func (i *invocation) ledger(do func(ledger usage.Keeper, place string) error) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	ledger, place, free, err := config.OpenUsage(i, app)
	if err != nil {
		return err
	}
	defer free()
	return do(ledger, place)
}

// moment reads a flag that says when: a day, a time, or how long before now.
func (i *invocation) moment(flag string, now, otherwise time.Time) (time.Time, error) {
	text := i.text(flag)
	if text == "" {
		return otherwise, nil
	}
	at, err := usage.ParseMoment(text, now)
	if err != nil {
		return at, fmt.Errorf("--%s %w", flag, err)
	}
	return at, nil
}

func showUsage(i *invocation) error {
	now, workspace := time.Now().UTC(), ""
	names := "workspace"
	if len(i.args) > 0 {
		workspace, names = i.args[0], "day"
		if err := record.CheckID(workspace); err != nil {
			return fmt.Errorf("workspace: %w", err)
		}
	}
	if i.given("by") {
		names = i.text("by")
	}
	from, err := i.moment("from", now, usage.MonthOf(now))
	if err != nil {
		return err
	}
	to, err := i.moment("to", now, now)
	if err != nil {
		return err
	}
	report, err := usage.NewReport(workspace, from, to, names)
	if err != nil {
		return err
	}
	asCSV, _ := i.cmd.Flags().GetBool("csv")
	if asCSV && i.json() {
		return fmt.Errorf("--csv and --json exclude each other: keep one of them")
	}
	return i.ledger(func(ledger usage.Keeper, _ string) error {
		rows, total, err := report.Rows(i, ledger)
		switch {
		case err != nil:
			return fmt.Errorf("reading what was used: %w", err)
		case i.json():
			return output.JSON(i.out(), report.View(rows, total))
		case asCSV:
			return i.csv(report, rows)
		}
		return i.tableOfUsage(report, rows, total)
	})
}

func cells(row *usage.Row) []string {
	return append(append([]string{}, row.Values...), strconv.FormatInt(row.Requests, 10), strconv.FormatInt(row.Cost, 10))
}

func (i *invocation) csv(report *usage.Report, rows []usage.Row) error {
	w := csv.NewWriter(i.out())
	_ = w.Write(append(append([]string{}, report.Names...), "requests", "cost")) // errors stay until Flush
	for _, row := range rows {
		_ = w.Write(cells(&row))
	}
	w.Flush()
	return w.Error()
}

func (i *invocation) tableOfUsage(report *usage.Report, rows []usage.Row, total usage.Sum) error {
	var columns []output.Column
	for _, name := range append(append([]string{}, report.Names...), "requests", "cost") {
		column := output.Whole
		if name == "route" {
			column = output.Short
		}
		columns = append(columns, column(strings.ToUpper(name)))
	}
	var table [][]string
	for _, row := range rows {
		for n, value := range row.Values {
			row.Values[n] = output.Dash(value)
		}
		table = append(table, cells(&row))
	}
	last := usage.Row{Values: make([]string, len(report.Names)), Sum: total}
	last.Values[0] = "total"
	return output.Table(i.out(), i.width(), columns, append(table, cells(&last)))
}

// entryView is an entry of the ledger for programs.
type entryView struct {
	Cursor    string    `json:"cursor,omitempty"`
	Hour      time.Time `json:"hour"`
	Workspace string    `json:"workspace"`
	Key       string    `json:"key"`
	Route     string    `json:"route"`
	Code      string    `json:"code"`
	usage.Sum
	MCP *usage.Sum `json:"mcp,omitempty"` // how much of it came as calls of MCP tools
}

// cloudEvent is an entry as an event of CloudEvents 1.0, in the JSON format. Its id and source are those of no other entry.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        entryView `json:"data"`
}

func exportUsage(i *invocation) error {
	var since usage.Cursor
	var err error
	if i.given("since") {
		if since, err = usage.ParseCursor(i.text("since")); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
	}
	format := i.text("format")
	if format != "json" && format != "cloudevents" {
		return fmt.Errorf("format '%s' is not known: write json or cloudevents", format)
	}
	source := i.text("source")
	if u, err := url.Parse(source); err != nil || u.String() != source {
		return fmt.Errorf("--source '%s' is not a URI: write one that names this installation, such as https://gateway.example.com/usage", source)
	}
	return i.ledger(func(ledger usage.Keeper, place string) error {
		next, err := ledger.Entries(i, since, func(c usage.Cursor, e usage.Entry) error {
			view := entryView{c.String(), time.Unix(e.Hour*3600, 0).UTC(), e.Workspace, e.Key, e.Route, e.Outcome, e.Sum, nil}
			if e.MCP != (usage.Sum{}) {
				view.MCP = &e.MCP
			}
			if format == "json" {
				return output.JSON(i.out(), view)
			}
			view.Cursor = ""
			return output.JSON(i.out(), cloudEvent{"1.0", c.String(), source, "tollgate.usage.hour", e.Workspace, view.Hour, "application/json", view})
		})
		if err != nil {
			return fmt.Errorf("reading what was used: %w", err)
		}
		i.note("read from %s; go on with: usage export --since %s", place, next)
		return nil
	})
}
