package limits

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// The policy names of the throttles in the RateLimit headers.
const (
	AuthPolicy    = "auth"
	RefusalPolicy = "refusals"
	PublicPolicy  = "public"
)

// LookUpsPerSecond is how many unknown tokens of one bucket are looked up in a second once the bucket is over its limit.
const LookUpsPerSecond = 10

// A Throttle follows throttleSets × throttleWays keys at once. Its memory is taken when it is made and never grows.
const (
	throttleSets = 4096
	throttleWays = 8
)

// Throttle counts refusals per key (a client address, a key id) in fixed windows, so that who causes many of them is
// answered cheaply, and likewise the requests of public routes. The window is given with every call: a changed one applies at
// once.
//
// The table is bounded and no running count is ever evicted: whoever walks through addresses resets nobody's. A key that
// finds its set of the table full of running counts shares one more count with all others in that case; the share is a
// 4096th of them, chosen by a random seed.
type Throttle[K comparable] struct {
	policy string
	clock  func() time.Time
	seed   maphash.Seed
	sets   []throttleSet[K]
}

// throttleSet is what the keys of one hash share: a lock, some counts, and one count for those that found no place.
type throttleSet[K comparable] struct {
	mu   sync.Mutex
	ways [throttleWays]bucket[K]
	rest bucket[K]
}

// bucket is the count of one key.
type bucket[K comparable] struct {
	key      K
	duration int64 // seconds
	used     int64
	reset    int64 // Unix seconds
	second   int64 // Unix second of the look-ups below
	lookUps  int64
}

// NewThrottle gives a throttle whose state names the policy ("auth", "refusals", "public"). A nil clock is time.Now.
func NewThrottle[K comparable](policy string, clock func() time.Time) *Throttle[K] {
	if clock == nil {
		clock = time.Now
	}
	return &Throttle[K]{policy: policy, clock: clock, seed: maphash.MakeSeed(), sets: make([]throttleSet[K], throttleSets)}
}

// Count counts a refusal of the key. Granted means that the refusal may be given as it is; otherwise the key is over its
// limit, nothing was counted, and the answer is to be 429.
func (t *Throttle[K]) Count(key K, window record.Window) (result Result) {
	s, now := t.set(key), t.clock().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(key, now)
	if t.judge(&result, b, window, now); !result.Granted {
		return result
	}
	if !b.runs(window, now) {
		*b = bucket[K]{key: key, duration: seconds(&window), reset: now + seconds(&window)}
	}
	b.used++
	result.State.Spend(1)
	return result
}

// Over tells how the key stands and counts nothing. Not Granted means that it is over its limit.
func (t *Throttle[K]) Over(key K, window record.Window) (result Result) {
	s, now := t.set(key), t.clock().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.judge(&result, s.bucket(key, now), window, now)
	return result
}

// LookUp reports whether an unknown token of the key may be looked up in the store now: always while the key is within
// its limit, LookUpsPerSecond times in each second of the clock after that.
func (t *Throttle[K]) LookUp(key K, window record.Window) bool {
	s, now := t.set(key), t.clock().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket(key, now)
	if !b.runs(window, now) || b.used < window.Limit {
		return true
	}
	if b.second != now {
		b.second, b.lookUps = now, 0
	}
	b.lookUps++
	return b.lookUps <= LookUpsPerSecond
}

func (t *Throttle[K]) set(key K) *throttleSet[K] {
	return &t.sets[maphash.Comparable(t.seed, key)%throttleSets]
}

// judge fills in the verdict about one more refusal in the bucket.
func (t *Throttle[K]) judge(result *Result, b *bucket[K], window record.Window, now int64) {
	state := &result.State
	*state = NewState(now)
	state.Policy = t.policy
	if b.runs(window, now) {
		state.Add(&window, b.used, b.reset)
	} else {
		state.Add(&window, 0, 0)
	}
	result.RetryAfter = state.Refuse(1)
	result.Granted = result.RetryAfter == 0
}

// bucket is the key's running one, else one that is free, else the one shared by those that find no place.
func (s *throttleSet[K]) bucket(key K, now int64) *bucket[K] {
	free := &s.rest
	for i := range s.ways {
		b := &s.ways[i]
		running := now < b.reset && b.reset <= now+b.duration
		if running && b.key == key {
			return b
		}
		if !running && free == &s.rest {
			free = b
		}
	}
	return free
}

// runs reports that the bucket is counting in such a window. A changed duration starts anew, and so does a clock that
// was set back.
func (b *bucket[K]) runs(window record.Window, now int64) bool {
	return b.duration == seconds(&window) && now < b.reset && b.reset <= now+b.duration
}
