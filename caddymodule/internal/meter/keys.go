package meter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate-gateway/tollgate/caddymodule/gate"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

type keyMeters struct {
	lookups *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newKeyMeters() keyMeters {
	return keyMeters{
		lookups: counters("key_lookups_total", "Look-ups of keys that were not known good in memory, by store and result: found, unknown, unusable (expired, revoked, disabled), or failed because the store did not answer.", "store", "result"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "key_lookup_seconds", Help: "Seconds that a look-up took of a key that was not known good in memory.",
			Buckets: []float64{1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1, 1},
		}),
	}
}

// measuredKeys counts what it is asked.
type measuredKeys struct {
	gate.Keys
	seconds                          prometheus.Histogram
	found, unknown, unusable, failed prometheus.Counter
}

// Keys counts the look-ups in a key store of that kind, which the configuration names.
func (m *Meters) Keys(store string, keys gate.Keys) gate.Keys {
	of := func(result string) prometheus.Counter { return m.keys.lookups.WithLabelValues(store, result) }
	return measuredKeys{keys, m.keys.seconds, of("found"), of("unknown"), of("unusable"), of("failed")}
}

// Lookup is part of gate.Keys.
func (k measuredKeys) Lookup(ctx context.Context, sum record.Sum) (*record.Identity, error) {
	began := time.Now()
	identity, err := k.Keys.Lookup(ctx, sum)
	k.seconds.Observe(time.Since(began).Seconds())
	_, isUnusable := errors.AsType[*keystore.Unusable](err)
	switch {
	case err == nil:
		k.found.Inc()
	case isUnusable:
		k.unusable.Inc()
	case errors.Is(err, keystore.ErrUnknown):
		k.unknown.Inc()
	default:
		k.failed.Inc()
	}
	return identity, err
}

// KeyStoreParts are what of a key store can fail on its own, in the words of keystore.Options.Report; "keys" is a keys
// file that was changed and cannot be taken.
var KeyStoreParts = [...]string{"look-ups", "changes", "last uses", "usage", "keys"}

// Failing says what of a key store fails now. The zero value says that nothing does.
type Failing struct {
	parts [len(KeyStoreParts)]atomic.Bool
}

// Note takes note of a part that begins to fail, or works again.
func (f *Failing) Note(part string, failing bool) {
	for i, known := range KeyStoreParts {
		if known == part {
			f.parts[i].Store(failing)
		}
	}
}

// Cache collects the metrics of one configuration's key cache.
type Cache struct {
	State   func() keystore.CacheState
	Failing *Failing
	// Usage is the store that the ledger is booked in, which may be another one, and Lost how many requests may be missing from
	// it. They are nil where no ledger is kept.
	Usage *Failing
	Lost  func() int64
}

var (
	cacheEntries = prometheus.NewDesc("tollgate_key_cache_entries", "Known keys in this gateway's memory.", nil, nil)
	cacheHits    = prometheus.NewDesc("tollgate_key_cache_hits_total", "Keys that were known good in memory, without a look-up.", nil, nil)
	feedAge      = prometheus.NewDesc("tollgate_key_feed_age_seconds", "Seconds since the feed of the key store's changes was last known to be whole. Absent until it is for the first time.", nil, nil)
	usageLost    = prometheus.NewDesc("tollgate_usage_lost_total", "Requests that may be missing from the ledger of what workspaces use: there was no room, or its store was away at the end. Absent where no ledger is kept.", nil, nil)
	storeFailing = prometheus.NewDesc("tollgate_key_store_failing", "1 while a part of the key store fails: look-ups, changes (the feed), last uses, usage (the ledger, wherever it is), or keys (a keys file that was changed and cannot be taken).", []string{"part"}, nil)
)

// Describe is part of prometheus.Collector.
func (c Cache) Describe(into chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{cacheEntries, cacheHits, feedAge, storeFailing, usageLost} {
		into <- desc
	}
}

// Collect is part of prometheus.Collector.
func (c Cache) Collect(into chan<- prometheus.Metric) {
	state := c.State()
	into <- prometheus.MustNewConstMetric(cacheEntries, prometheus.GaugeValue, float64(state.Known))
	into <- prometheus.MustNewConstMetric(cacheHits, prometheus.CounterValue, float64(state.Hits))
	if state.Heard != nil {
		into <- prometheus.MustNewConstMetric(feedAge, prometheus.GaugeValue, *state.Heard)
	}
	if c.Lost != nil {
		into <- prometheus.MustNewConstMetric(usageLost, prometheus.CounterValue, float64(c.Lost()))
	}
	for i, part := range KeyStoreParts {
		value := 0.0
		if c.Failing.parts[i].Load() || part == "usage" && c.Usage != nil && c.Usage.parts[i].Load() {
			value = 1
		}
		into <- prometheus.MustNewConstMetric(storeFailing, prometheus.GaugeValue, value, part)
	}
}
