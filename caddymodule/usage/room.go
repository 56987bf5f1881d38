package usage

// coarsest is how often a cell can become coarser.
const coarsest = 3

// coarser is the cell without its route, at level 1, without its key as well, at 2, and without its outcome, at 3.
func (c Cell) coarser(level int) Cell {
	if level >= 1 {
		c.Route = Merged
	}
	if level >= 2 {
		c.Key = Merged
	}
	if level >= 3 {
		c.Outcome = Merged
	}
	return c
}

// amount is what an Entry has beside its Cell.
type amount struct{ all, mcp Sum }

// of makes an Entry of it.
func (a *amount) of(c Cell) Entry { return Entry{Cell: c, Sum: a.all, MCP: a.mcp} }

// book adds an entry to the finest cell that there is, or that there is room for. It reports false if there is none: the sum is lost.
func book(cells map[Cell]*amount, bound int, e *Entry) bool {
	for level := 0; level <= coarsest; level++ {
		c := e.coarser(level)
		known := cells[c]
		if known == nil {
			if len(cells) >= room(bound, level) {
				continue
			}
			known = &amount{}
			cells[c] = known
		}
		known.all.add(e.Sum)
		known.mcp.add(e.MCP)
		return true
	}
	return false
}

// room is how many cells there may be before one of the level is added. Half of the bound is kept for coarser ones.
func room(bound, level int) int {
	half := max(1, bound/2)
	return half + (bound-half)*level/coarsest
}
