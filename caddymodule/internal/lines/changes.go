package lines

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// burst is how many lines about the state of one thing are written in a minute.
	burst = 10
	// calm is how long the last of more than that is held back.
	calm = time.Minute
)

// Changes bounds the lines about something that changes its state, such as a store that comes and goes. Up to ten a minute
// are written as they come. Of more than that the newest is written when the minute is over, with how many were left out:
// the last line always tells the present state. The zero value is ready.
type Changes struct {
	mu    sync.Mutex
	began time.Time // of the minute
	said  int       // in it
	held  int
	last  func(leftOut int)
}

// Say writes a line, now or later. leftOut is how many before it were not written.
func (c *Changes) Say(line func(leftOut int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.held == 0 && now.Sub(c.began) >= calm {
		c.began, c.said = now, 0
	}
	if c.said < burst {
		c.said++
		line(0)
		return
	}
	if c.held == 0 {
		time.AfterFunc(c.began.Add(calm).Sub(now), c.flush)
	}
	c.held++
	c.last = line
}

// LeftOut is the field that says how many lines about the same thing were not written; nothing where all were.
func LeftOut(lines int) zap.Field {
	if lines == 0 {
		return zap.Skip()
	}
	return zap.Int("lines_left_out", lines)
}

// flush writes the newest of the lines that were held back.
func (c *Changes) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	leftOut, line := c.held-1, c.last
	c.began, c.said, c.held, c.last = time.Now(), 1, 0, nil
	line(leftOut)
}
