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

// book adds a sum to the finest cell that there is, or that there is room for. It reports false if there is none: the sum is lost.
func book(cells map[Cell]*Sum, bound int, cell Cell, sum Sum) bool {
	for level := 0; level <= coarsest; level++ {
		c := cell.coarser(level)
		known := cells[c]
		if known == nil {
			if len(cells) >= room(bound, level) {
				continue
			}
			known = &Sum{}
			cells[c] = known
		}
		known.Requests += sum.Requests
		known.Cost += sum.Cost
		return true
	}
	return false
}

// room is how many cells there may be before one of the level is added. Half of the bound is kept for coarser ones.
func room(bound, level int) int {
	half := max(1, bound/2)
	return half + (bound-half)*level/coarsest
}
