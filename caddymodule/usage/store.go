package usage

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Store keeps the ledgers of all gateways.
type Store interface {
	// Book adds a batch to the sums, all of it or none. One with a number that was booked already changes nothing and is no
	// error. Any error may come after the batch was booked.
	Book(ctx context.Context, batch Batch) error
	// Fold makes days of hours that are older than they are kept, and forgets days that are. Gateways may do so side by side.
	Fold(ctx context.Context, keep Keep) error
}

// Keeper is a Store that tells what it holds.
type Keeper interface {
	Store
	// Spent is the cost that a workspace was granted on the days from one to another, the second excluded, in days since
	// 1970-01-01 UTC. Days that are over for more than two months may be forgotten.
	Spent(ctx context.Context, workspace string, from, to int64) (cost int64, err error)
	// Sums gives the sums of a time by some fields, in no order; one cell may come more than once, to be added up.
	Sums(ctx context.Context, q Query, give func(Entry) error) error
	// Entries gives the entries behind a cursor, each with the cursor behind it, in an order that never changes: whoever goes
	// on from a cursor misses none and gets none twice. Entries come when the hour in which they were booked is over: they change
	// no more. Next is the cursor behind all of them. A cursor whose entries were folded is a *Folded.
	Entries(ctx context.Context, since Cursor, give func(Cursor, Entry) error) (next Cursor, err error)
}

// Keep says how long a Store keeps what it knows.
type Keep struct {
	// Hours is for how many hours sums are kept by the hour, before they are folded into days.
	Hours int64
	// Days is for how many days they are kept by the day.
	Days int64
}

// DefaultKeep is 90 days by the hour, and 25 months by the day: a whole year can be compared with the one before.
var DefaultKeep = Keep{Hours: 90 * 24, Days: 775}

// Field is what sums can be asked for by.
type Field int

// The fields of a Cell.
const (
	ByHour Field = iota
	ByWorkspace
	ByKey
	ByRoute
	ByOutcome
)

// Query says of what sums are asked for.
type Query struct {
	// Workspace is the only one that is looked at; empty: all.
	Workspace string
	// From and To are hours, the second excluded. A day that was folded belongs to its first hour.
	From, To int64
	// By are the fields of the cells; the other ones stay empty.
	By []Field
}

// Cursor is a place in the order of Entries; the zero Cursor stands in front of everything that is kept by the hour.
type Cursor struct {
	// Hour is one in which entries were booked.
	Hour int64
	// Rows is how many of its entries are behind the cursor.
	Rows int64
}

// String is what ParseCursor reads.
func (c Cursor) String() string { return fmt.Sprintf("%d.%d", c.Hour, c.Rows) }

// ParseCursor reads a cursor that String wrote.
func ParseCursor(text string) (c Cursor, err error) {
	hour, rows, found := strings.Cut(text, ".")
	if c.Hour, err = strconv.ParseInt(hour, 10, 64); err == nil && found {
		c.Rows, err = strconv.ParseInt(rows, 10, 64)
	}
	if err != nil || !found || c.Hour < 0 || c.Rows < 0 || c.String() != text {
		return Cursor{}, fmt.Errorf("cursor '%s' is none: write the one of the last entry that you have, as an export gave it", text)
	}
	return c, nil
}

// Folded says that entries behind a cursor are not kept by the hour any more.
type Folded struct {
	Cursor Cursor
	// Hour is the first that is still kept.
	Hour int64
}

func (f *Folded) Error() string {
	return fmt.Sprintf("entries behind cursor %s were folded into days: those that are kept begin at %s, without a cursor", f.Cursor, time.Unix(f.Hour*3600, 0).UTC().Format(time.RFC3339))
}
