package usage

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// WriteEvery is how often a Writer books what was used. It is what a gateway that is killed loses at most.
	WriteEvery = 5 * time.Second
	// bookTimeout bounds the booking of one batch.
	bookTimeout = 3 * time.Second
	// foldTimeout bounds the folding of old hours.
	foldTimeout = time.Minute
	// batchSize is how many entries are booked at once.
	batchSize = 1000
)

// Writer books a Ledger in a Store.
type Writer struct {
	ledger   *Ledger
	store    Store
	report   func(error)
	instance string
	dropped  atomic.Int64

	cells   map[Cell]*amount // what waits to be booked
	sent    *Batch           // was sent, and is not known to be booked
	number  int64
	failing atomic.Bool
	behind  atomic.Bool // not all that was taken from the ledger is booked
	keep    atomic.Pointer[Keep]
	folding atomic.Bool
	folded  int64 // the hour in which old ones were folded last

	starting, closing sync.Once
	cancel            context.CancelFunc
	running           sync.WaitGroup
}

// NewWriter makes one that has not started. Report is told when booking begins to fail (with the reason) and when it works
// again (with nil).
func NewWriter(ledger *Ledger, store Store, report func(error)) *Writer {
	w := &Writer{ledger: ledger, store: store, report: report, instance: rand.Text(), cells: map[Cell]*amount{}}
	w.Keep(DefaultKeep)
	return w
}

// Keep says how long the store keeps what it knows, from the next hour on.
func (w *Writer) Keep(keep Keep) { w.keep.Store(&keep) }

// Start begins to book, until Close. Further calls do nothing.
func (w *Writer) Start() {
	w.starting.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		w.cancel = cancel
		w.running.Go(func() { w.run(ctx) })
	})
}

// Close books what is left, until the store fails. Further calls do nothing. Nothing is to be added to the ledger any more.
func (w *Writer) Close() {
	w.closing.Do(func() {
		w.starting.Do(func() {}) // never to be started again
		if w.cancel != nil {
			w.cancel()
		}
		w.running.Wait()
		w.write()
		for _, a := range w.cells {
			w.dropped.Add(a.all.Requests)
		}
		if w.sent != nil {
			for _, entry := range w.sent.Entries {
				w.dropped.Add(entry.Requests)
			}
		}
	})
}

// Dropped is how many requests may be missing from the store, for want of room or because it was away at the end, since the start.
func (w *Writer) Dropped() int64 { return w.ledger.Dropped() + w.dropped.Load() }

// Behind reports that booking has failed, and not all is booked since: what the store tells lacks the rest.
func (w *Writer) Behind() bool { return w.behind.Load() }

func (w *Writer) run(ctx context.Context) {
	tick := time.NewTicker(WriteEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.write()
			if w.folding.CompareAndSwap(false, true) { // beside the booking, which does not wait for it
				w.running.Go(func() {
					defer w.folding.Store(false)
					w.fold(ctx)
				})
			}
		}
	}
}

// write books all that was used until now, batch by batch, until one fails.
func (w *Writer) write() {
	for _, entry := range w.ledger.Take() {
		if !book(w.cells, DefaultBound, &entry) {
			w.dropped.Add(entry.Requests)
		}
	}
	for w.sent != nil || len(w.cells) > 0 {
		if w.sent == nil {
			w.sent = w.next()
		}
		if err := w.book(*w.sent); err != nil {
			w.behind.Store(true)
			return // it may have been booked: it is sent again as it is
		}
		w.sent = nil
	}
	w.behind.Store(false)
}

// fold has the store fold what is old, once an hour.
func (w *Writer) fold(ctx context.Context) {
	hour := HourOf(time.Now())
	if hour == w.folded || w.failing.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, foldTimeout)
	defer cancel()
	if err := w.store.Fold(ctx, *w.keep.Load()); err == nil || ctx.Err() == nil {
		w.folded = hour
		w.note(err)
	}
}

// note tells whoever wants to know that the store begins to fail, or works again.
func (w *Writer) note(err error) {
	if failing := err != nil; w.failing.Swap(failing) != failing {
		w.report(err)
	}
}

// next takes a batch out of what waits.
func (w *Writer) next() *Batch {
	w.number++
	batch := &Batch{Instance: w.instance, Number: w.number}
	for cell, a := range w.cells {
		if len(batch.Entries) == batchSize {
			break
		}
		batch.Entries = append(batch.Entries, a.of(cell))
		delete(w.cells, cell)
	}
	if len(w.cells) == 0 {
		w.cells = map[Cell]*amount{} // after a burst it would hold megabytes for ever
	}
	slices.SortFunc(batch.Entries, func(a, b Entry) int { return a.compare(b.Cell) })
	return batch
}

func (w *Writer) book(batch Batch) error {
	ctx, cancel := context.WithTimeout(context.Background(), bookTimeout)
	defer cancel()
	err := w.store.Book(ctx, batch)
	if err != nil {
		err = fmt.Errorf("writing what was used: %w", err)
	}
	w.note(err)
	return err
}
