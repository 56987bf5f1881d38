package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a calendar period in UTC. The zero Period is none.
type Period uint8

// The periods of a quota.
const (
	// Daily is from midnight to midnight.
	Daily Period = iota + 1
	// Monthly is from the first of the month to the first of the next.
	Monthly
)

// periodNames are the words of the configuration and of the limit headers.
var periodNames = [...]string{Daily: "day", Monthly: "month"}

// String is the period's name: day or month; empty for none.
func (p Period) String() string { return periodNames[p] }

// Bounds are the Unix seconds at which the period that an instant is in began, and at which it ends.
func (p Period) Bounds(second int64) (begin, end int64) {
	year, month, day := time.Unix(second, 0).UTC().Date()
	at := func(month time.Month, day int) int64 { return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() }
	if p == Monthly {
		return at(month, 1), at(month+1, 1)
	}
	return at(month, day), at(month, day+1)
}

// Quota allows Limit requests (weighted by route cost) in each calendar period.
type Quota struct {
	// Limit is how much cost the period admits, at least 1.
	Limit int64
	// Period is Daily or Monthly.
	Period Period
}

// MaxQuotas is how many quotas a plan or workspace may have: one of each period.
const MaxQuotas = len(periodNames) - 1

// String is the configuration's form, such as "100000/month".
func (q Quota) String() string { return strconv.FormatInt(q.Limit, 10) + "/" + q.Period.String() }

// Window is the quota as a window that is counted.
func (q Quota) Window(over bool) Window {
	return Window{Limit: q.Limit, Period: q.Period, Over: over}
}

// ParseQuota reads the form "100000/month": a limit of at least 1 and one of day and month.
func ParseQuota(s string) (Quota, error) {
	limit, period, found := strings.Cut(s, "/")
	if !found {
		return Quota{}, fmt.Errorf("quota %q has no '/': write a limit per calendar period, such as 100000/month", s)
	}
	n, err := parseLimit(limit)
	if err != nil {
		return Quota{}, fmt.Errorf("quota %q: %w", s, err)
	}
	for p, name := range periodNames {
		if name != "" && name == period {
			return Quota{Limit: n, Period: Period(p)}, nil
		}
	}
	if _, err := ParseDuration(period); err == nil {
		return Quota{}, fmt.Errorf("quota %q: its period is day or month, by the calendar in UTC: a limit per %s is a window, which stands behind the plan's name or in --limit", s, period)
	}
	return Quota{}, fmt.Errorf("quota %q: '%s' is not a period: write day or month", s, period)
}

// ParseQuotas reads a list of quotas, at most one of each period.
func ParseQuotas(list []string) ([]Quota, error) {
	quotas := make([]Quota, 0, len(list))
	for _, s := range list {
		q, err := ParseQuota(s)
		if err != nil {
			return nil, err
		}
		quotas = append(quotas, q)
	}
	return quotas, CheckQuotas(quotas)
}

// CheckQuotas says what ParseQuotas would say of a list that was not parsed.
func CheckQuotas(quotas []Quota) error {
	for i, q := range quotas {
		if _, err := ParseQuota(q.String()); err != nil {
			return err
		}
		for _, other := range quotas[:i] {
			if other.Period == q.Period {
				return fmt.Errorf("quotas %s and %s have the same period: keep one of them", other, q)
			}
		}
	}
	return nil
}

// MarshalText gives the configuration's form.
func (q Quota) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads the configuration's form.
func (q *Quota) UnmarshalText(text []byte) (err error) {
	*q, err = ParseQuota(string(text))
	return err
}

// parseLimit reads how much a window or a quota admits.
func parseLimit(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64) // out of range, it is the nearest number: refused below
	if err != nil && !errors.Is(err, strconv.ErrRange) || s[0] == '+' {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if n < 1 || n > MaxLimit {
		return 0, fmt.Errorf("the limit must be from 1 to %d (to refuse a plan altogether, use denied)", int64(MaxLimit))
	}
	return n, nil
}
