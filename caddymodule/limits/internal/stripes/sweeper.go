package stripes

import (
	"sync"
	"time"
)

// sweeper calls sweep at intervals from start to stop, in one goroutine.
type sweeper struct {
	every time.Duration
	sweep func()

	mu      sync.Mutex
	ended   chan struct{} // nil before start
	stopped bool
	running sync.WaitGroup
}

// start launches the goroutine, unless it runs already or was stopped.
func (s *sweeper) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil || s.stopped {
		return
	}
	s.ended = make(chan struct{})
	s.running.Go(s.run)
}

// stop ends the goroutine for good and waits for it.
func (s *sweeper) stop() {
	s.mu.Lock()
	if s.ended != nil && !s.stopped {
		close(s.ended)
	}
	s.stopped = true
	s.mu.Unlock()
	s.running.Wait()
}

func (s *sweeper) run() {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep()
		case <-s.ended:
			return
		}
	}
}
