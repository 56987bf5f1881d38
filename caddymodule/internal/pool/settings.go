package pool

import (
	"slices"
	"sync"
)

// Settings are those of the configurations that use a pooled value. In force are those of the newest one that was started:
// when it leaves, as after a load that failed, those of the one before hold again.
type Settings[S any] struct {
	apply func(S) error

	mu   sync.Mutex
	live []*S // the newest last
}

// NewSettings gives the settings of a value, which apply puts in force. It is called by one configuration at a time.
func NewSettings[S any](apply func(S) error) *Settings[S] { return &Settings[S]{apply: apply} }

// Enter puts a configuration's settings in force when it starts. The function that it returns takes them out again, once
// however often it is called; it is there even if applying them failed.
func (s *Settings[S]) Enter(settings S) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := &settings
	s.live = append(s.live, own)
	return func() { s.leave(own) }, s.apply(settings)
}

func (s *Settings[S]) leave(own *S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.live, own)
	if at < 0 {
		return
	}
	s.live = slices.Delete(s.live, at, at+1)
	if n := len(s.live); at == n && n > 0 {
		_ = s.apply(*s.live[n-1]) // they were in force before
	}
}
