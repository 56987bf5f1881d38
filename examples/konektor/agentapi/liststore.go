package agentapi

import (
	"context"
	"database/sql"
	"encoding/json"
)

// leadPage is one page of a listing.
type leadPage struct {
	leads   []*lead
	total   int
	limited bool
	// next is where the page ends, nil when it is the last one.
	next *position
}

// filter is an SQL condition with its arguments.
type filter struct {
	condition string
	arguments []any
}

func (f *filter) and(condition string, arguments ...any) {
	f.condition += " AND " + condition
	f.arguments = append(f.arguments, arguments...)
}

// filter is what a row must fulfil, a search by name aside.
func (asked *listing) filter(workspace string, v *vault) filter {
	f := filter{"workspace = ?", []any{workspace}}
	for _, equal := range []struct{ column, value string }{
		{"status", asked.Status}, {"priority", asked.Priority}, {"source", asked.Source},
		{"ad_platform", asked.AdPlatform}, {"assigned_to", asked.AssignedTo},
	} {
		if equal.value != "" {
			f.and(equal.column+" = ?", equal.value)
		}
	}
	if asked.CreatedFrom != nil {
		f.and("created_at >= ?", *asked.CreatedFrom)
	}
	if asked.CreatedTo != nil {
		f.and("created_at <= ?", *asked.CreatedTo)
	}
	switch searchKind(asked.Search) {
	case searchEmail:
		f.and("email_index = ?", v.blindIndex(workspace, "email", emailKey(asked.Search)))
	case searchPhone: // digits may be a part of a unique code as well
		f.and("(phone_index = ? OR instr(unique_code, ?) > 0)", v.blindIndex(workspace, "phone", phoneKey(asked.Search)), asked.Search)
	}
	return f
}

// order is the ORDER BY of a listing, and the comparison with a position that comes after it.
func (asked *listing) order() (column, orderBy, later string) {
	column = sortColumns[asked.SortBy]
	if searchKind(asked.Search) == searchEmail {
		// The plus keeps SQLite from reading the whole workspace in order instead of the few leads that are meant.
		column = "+" + column
	}
	if asked.SortOrder == "asc" {
		return column, column + ", id", "(" + column + ", id) > (?, ?)"
	}
	return column, column + " DESC, id DESC", "(" + column + ", id) < (?, ?)"
}

// listLeads gives the page that begins after a position, or where it is nil the page of the number asked for.
func (s *store) listLeads(ctx context.Context, workspace string, asked listing, after *position) (page leadPage, err error) {
	err = s.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		find := s.findPage
		if searchKind(asked.Search) == searchName {
			find = s.searchPage
		}
		var found []position
		if found, err = find(ctx, tx, workspace, asked, after, &page); err != nil {
			return err
		}
		if len(found) > asked.Limit {
			found = found[:asked.Limit]
			last := found[len(found)-1]
			page.next = &position{asked.page, last.value, last.id}
		}
		page.leads, err = s.leadsAt(ctx, tx, workspace, found)
		return err
	})
	return page, err
}

// findPage lets SQLite find one lead more than the page takes, so that we know whether there is a next page.
func (s *store) findPage(ctx context.Context, tx *sql.Tx, workspace string, asked listing, after *position, page *leadPage) ([]position, error) {
	filter := asked.filter(workspace, s.vault)
	column, orderBy, later := asked.order()
	count := "SELECT count(*) FROM leads WHERE " + filter.condition
	if err := tx.QueryRowContext(ctx, count, filter.arguments...).Scan(&page.total); err != nil {
		return nil, err
	}
	offset := (asked.page - 1) * asked.Limit
	if after != nil {
		filter.and(later, after.value, after.id)
		offset = 0
	}
	var found []position
	err := each(ctx, tx, "SELECT "+column+", id FROM leads WHERE "+filter.condition+" ORDER BY "+orderBy+" LIMIT ? OFFSET ?",
		append(filter.arguments, asked.Limit+1, offset), func(rows *sql.Rows) error {
			var at position
			err := rows.Scan(&at.value, &at.id)
			found = append(found, at)
			return err
		})
	return found, err
}

// leadsAt reads the leads at the positions, in their order.
func (s *store) leadsAt(ctx context.Context, tx *sql.Tx, workspace string, at []position) ([]*lead, error) {
	ids := make([]string, len(at))
	for i := range at {
		ids[i] = at[i].id
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	leads := make([]*lead, 0, len(at))
	// CROSS JOIN is SQLite's way to say what the outer loop is: the positions, not the whole workspace.
	err = each(ctx, tx, "SELECT "+leadColumns+` FROM (SELECT key AS number, value AS wanted FROM json_each(?))
		CROSS JOIN leads ON workspace = ? AND id = wanted ORDER BY number`,
		[]any{string(list), workspace}, func(rows *sql.Rows) error {
			l, err := s.scanLead(workspace, rows)
			leads = append(leads, l)
			return err
		})
	return leads, err
}
