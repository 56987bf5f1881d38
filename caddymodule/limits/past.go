package limits

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Past tells what a workspace has spent in a calendar period already, from begin to end in Unix seconds. It is asked where a
// process or Redis does not know.
type Past func(ctx context.Context, workspace string, begin, end int64) (spent int64, err error)

// ErrPast is the answer where a quota's past cannot be read, and on_outage says refuse.
var ErrPast = errors.New("what was used of the quota cannot be read, and on_outage says refuse")

// Outage says what happens to requests whose counts cannot be read.
type Outage string

// The outage modes.
const (
	// OutageLocal grants this gateway's share of every limit: what was left when last seen, divided by the number of
	// gateways.
	OutageLocal Outage = "local"
	// OutageAllow grants everything that is not known to be over its limit, and counts none of it.
	OutageAllow Outage = "allow"
	// OutageRefuse refuses.
	OutageRefuse Outage = "refuse"
)

// Check says what is wrong with the mode; "" is OutageLocal.
func (o Outage) Check() error {
	switch o {
	case "", OutageLocal, OutageAllow, OutageRefuse:
		return nil
	}
	return fmt.Errorf("on_outage %q is not known: write local, allow or refuse", o)
}

const (
	// pastTimeout is how long a look-up may take.
	pastTimeout = time.Second
	// pastPause is for how long nobody looks up after a look-up that failed.
	pastPause = time.Second
)

// Pasts looks up, for an engine: one look-up at a time for a period of a workspace, and none for a while after one that
// failed. Its zero value knows of no past: nothing was spent.
type Pasts struct {
	past   atomic.Pointer[Past]
	failed atomic.Pointer[failure]
	group  singleflight.Group
}

// failure is a look-up that failed.
type failure struct {
	at  time.Time
	err error
}

// SetPast says who knows; nil: nobody does.
func (p *Pasts) SetPast(past Past) {
	p.failed.Store(nil)
	p.past.Store(&past)
}

// FirstPast is SetPast where nobody was said to know yet: requests may come before whatever is configured has started.
func (p *Pasts) FirstPast(past Past) { p.past.CompareAndSwap(nil, &past) }

// Spent looks up. It waits for the look-up whatever becomes of the request: others wait for the same one.
func (p *Pasts) Spent(workspace string, begin, end int64) (int64, error) {
	past := p.past.Load()
	if past == nil || *past == nil {
		return 0, nil
	}
	// After one that failed, one request at a time finds out whether it can be read again: nobody waits with it.
	if f := p.failed.Load(); f != nil && (time.Since(f.at) < pastPause || !p.failed.CompareAndSwap(f, &failure{time.Now(), f.err})) {
		return 0, f.err
	}
	key := workspace + " " + strconv.FormatInt(begin, 10) + " " + strconv.FormatInt(end, 10)
	spent, err, _ := p.group.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pastTimeout)
		defer cancel()
		spent, err := (*past)(ctx, workspace, begin, end)
		if err == nil {
			p.failed.Store(nil)
		} else {
			err = fmt.Errorf("reading what was used of a quota: %w", err)
			p.failed.Store(&failure{time.Now(), err})
		}
		return spent, err
	})
	return spent.(int64), err
}
