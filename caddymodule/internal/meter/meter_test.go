package meter

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternsBeyondTheRoomAreOther(t *testing.T) {
	t.Parallel()
	var p patterns
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 200 {
				p.admit([]string{fmt.Sprint("/", n*200+i)})
				p.label("/1")
			}
		})
	}
	all.Wait()
	others := 0
	for i := range 800 {
		if p.label(fmt.Sprint("/", i)) == "other" {
			others++
		}
	}
	require.Equal(t, 800-mostPatterns, others)
	p.admit([]string{"/new"})
	require.Equal(t, "other", p.label("/new"))
}

func TestPatternsHaveSeriesOfTheirOwnWhileThereIsRoom(t *testing.T) {
	t.Parallel()
	var p patterns
	for i := range mostPatterns {
		p.admit([]string{fmt.Sprint("/", i), "/0"})
	}
	require.Equal(t, "/0", p.label("/0"))
	require.Equal(t, fmt.Sprint("/", mostPatterns-1), p.label(fmt.Sprint("/", mostPatterns-1)))
}
