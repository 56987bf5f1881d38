package output

import (
	"io"
	"slices"
	"strings"
)

// Width is how many cells a line has that every terminal shows unbroken. It is the same where the output is no terminal, so that
// what scripts and people see does not depend on where they look.
const Width = 80

// Column is a column of a table: its head, and what becomes of its cells where a line would be too long.
type Column struct {
	head string
	kind kind
}

type kind int

const (
	whole kind = iota
	short
	path
	wrapped
	wide
)

const (
	// leastCells is how far a cell is shortened at most.
	leastCells = 8
	// leastWrapped is what other columns leave to a wrapped one.
	leastWrapped = 40
)

// Whole is a column whose cells are never shortened, because they are copied or short: ids, secrets, times, states.
func Whole(head string) Column { return Column{head, whole} }

// Short is a column whose cells are shortened at their end.
func Short(head string) Column { return Column{head, short} }

// Path is a column whose cells are shortened at their beginning: a path says most at its end.
func Path(head string) Column { return Column{head, path} }

// Wrapped is a last column whose cells go on in the next line.
func Wrapped(head string) Column { return Column{head, wrapped} }

// Wide is a column that only a table of unlimited width has.
func Wide(head string) Column { return Column{head, wide} }

// If gives the column, or where the condition does not hold one that only a table of unlimited width has.
func (c Column) If(condition bool) Column {
	if !condition {
		c.kind = wide
	}
	return c
}

// WithoutHeads gives the same columns without their heads, for a table that goes on.
func WithoutHeads(columns []Column) []Column {
	bare := slices.Clone(columns)
	for n := range bare {
		bare[n].head = ""
	}
	return bare
}

// Table writes rows below the heads of their columns, in lines of at most width cells; 0 is any width, with all columns and each
// cell as it is. A table whose heads are empty has none.
func Table(w io.Writer, width int, columns []Column, rows [][]string) error {
	t := table{width: width}
	var heads []string
	for n, c := range columns {
		if c.kind == wide && width > 0 {
			continue
		}
		t.columns, t.from, heads = append(t.columns, c), append(t.from, n), append(heads, c.head)
	}
	t.cells = make([]int, len(t.columns))
	if strings.Join(heads, "") != "" {
		t.measure(heads)
	}
	picked := make([][]string, len(rows))
	for n, row := range rows {
		for at, from := range t.from {
			switch {
			case from >= len(row):
			case t.columns[at].kind == wrapped:
				picked[n] = append(picked[n], row[from]) // Hang makes it printable
			default:
				picked[n] = append(picked[n], Printable(row[from]))
			}
		}
		t.measure(picked[n])
	}
	t.fit()
	var b strings.Builder
	if strings.Join(heads, "") != "" {
		t.line(&b, heads)
	}
	for _, row := range picked {
		t.line(&b, row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table is one that is being written.
type table struct {
	width   int
	columns []Column
	// from are the places of the columns in a row.
	from []int
	// cells are how wide each column is.
	cells []int
}

func (t *table) measure(row []string) {
	for n, cell := range row {
		t.cells[n] = max(t.cells[n], Cells(cell))
	}
}

// fit makes columns narrower, the widest first, until a line is short enough or nothing is left to take.
func (t *table) fit() {
	if t.width == 0 {
		return
	}
	total := 2 * (len(t.cells) - 1)
	for n, cells := range t.cells {
		if t.columns[n].kind == wrapped {
			cells = min(cells, leastWrapped)
		}
		total += cells
	}
	for ; total > t.width; total-- {
		widest := -1
		for n, c := range t.columns {
			if (c.kind == short || c.kind == path) && t.cells[n] > max(leastCells, Cells(c.head)) && (widest < 0 || t.cells[n] > t.cells[widest]) {
				widest = n
			}
		}
		if widest < 0 {
			return
		}
		t.cells[widest]--
	}
}

func (t *table) line(b *strings.Builder, row []string) {
	at := 0
	for n, cell := range row {
		switch t.columns[n].kind {
		case short:
			cell = cut(cell, t.cells[n])
		case path:
			cell = cutFront(cell, t.cells[n])
		case wrapped:
			cell = Hang(cell, at, at, t.width)
		}
		b.WriteString(cell)
		if n < len(row)-1 {
			b.WriteString(strings.Repeat(" ", t.cells[n]-Cells(cell)+2))
			at += t.cells[n] + 2
		}
	}
	b.WriteString("\n")
}
