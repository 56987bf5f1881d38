package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// insertRows adds rows. Into names the table and its columns, conflict, if any, says what is done about a row that is there. Where a round
// trip costs most, many rows go with one statement; elsewhere that would cost more, for SQLite searches the names of all parameters for
// each of them.
func (d *Dialect) insertRows(ctx context.Context, tx *sql.Tx, into string, rows [][]any, conflict string) error {
	if len(rows) == 0 {
		return nil
	}
	if !d.Pooled {
		return d.insertEach(ctx, tx, into, rows, conflict)
	}
	var statement strings.Builder
	statement.WriteString("INSERT INTO " + into + " VALUES ")
	args := make([]any, 0, len(rows)*len(rows[0]))
	for i, row := range rows {
		if i > 0 {
			statement.WriteString(", ")
		}
		statement.WriteString(places(len(row), len(args)))
		args = append(args, row...)
	}
	_, err := tx.ExecContext(ctx, statement.String()+conflict, args...)
	return err
}

func (d *Dialect) insertEach(ctx context.Context, tx *sql.Tx, into string, rows [][]any, conflict string) error {
	execute, end, err := d.repeated(ctx, tx, "INSERT INTO "+into+" VALUES "+places(len(rows[0]), 0)+conflict)
	if err != nil {
		return err
	}
	defer end()
	for _, row := range rows {
		if err := execute(row...); err != nil {
			return err
		}
	}
	return nil
}

// places are n parameters in brackets, behind those that stand before.
func places(n, before int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, ",$%d", before+i+1)
	}
	return "(" + strings.TrimPrefix(list.String(), ",") + ")"
}
