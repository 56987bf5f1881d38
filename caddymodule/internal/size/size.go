// Package size reads sizes in bytes as configurations write them.
package size

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// Parse reads a size such as 64KiB, from 1 byte to most.
func Parse(s string, most uint64) (int64, error) {
	size, err := humanize.ParseBytes(s)
	if err != nil {
		return 0, fmt.Errorf("size '%s' is not valid: write a number and a unit, such as 64KiB or 1MiB", s)
	}
	if size < 1 || size > most {
		return 0, fmt.Errorf("size '%s' must be from 1B to %s", s, strings.NewReplacer(".0 ", "", " ", "").Replace(humanize.IBytes(most)))
	}
	return int64(size), nil
}
