package openapi

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/watch"
)

// Watched is a document on disk that is read again when one of its files changes. The last good one stays.
type Watched struct {
	name    string
	present atomic.Pointer[Document]

	mu      sync.Mutex
	failure error
	reads   int // how often it was read
	files   *watch.Files
	torn    bool // a file changed while it was read
}

// Open reads a document that is to be watched.
func Open(name string) (*Watched, error) {
	w := &Watched{name: name}
	return w, w.Refresh()
}

// Document is the one that was read last without a mistake.
func (w *Watched) Document() *Document { return w.present.Load() }

// Refresh reads the document anew. The error says why it is not taken: the last good one then stays.
func (w *Watched) Refresh() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refresh()
}

func (w *Watched) refresh() error {
	d, looks, err := load(w.name)
	w.files, w.torn = watch.New(slices.Sorted(maps.Keys(looks))...), false
	for name, before := range looks {
		w.torn = w.torn || watch.Look(name) != before
	}
	w.reads++
	if w.failure = err; err == nil {
		w.present.Store(d)
	}
	return err
}

// Watch reads the document anew after each change, until the context ends, and tells what became of it: nil, or why it is not
// taken. It looks every so often. What Refresh has read meanwhile it tells too.
func (w *Watched) Watch(ctx context.Context, every time.Duration, loaded func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	w.mu.Lock()
	told := w.reads
	w.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		if w.torn || w.files.Changed() {
			_ = w.refresh() // failure tells
		}
		reads, failure := w.reads, w.failure
		w.mu.Unlock()
		if reads != told {
			told = reads
			loaded(failure)
		}
	}
}
