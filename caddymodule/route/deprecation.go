package route

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Deprecation says that callers are to leave a route: from when on, until when it is there, and where they read what to use
// instead. It is told to callers and changes nothing else: after its sunset a route is served as before.
type Deprecation struct {
	// Deprecated is when the route became deprecated, or will (the Deprecation header, RFC 9745); zero: it is not.
	Deprecated time.Time `json:"deprecated,omitzero"`
	// Sunset is when the route is expected to go (the Sunset header, RFC 8594); zero: nobody knows. It is not before Deprecated.
	Sunset time.Time `json:"sunset,omitzero"`
	// Link is the https address of a page about it (the Link header with rel="deprecation", or rel="sunset" for a route with
	// no more than a sunset); empty: there is none.
	Link string `json:"link,omitempty"`

	deprecated, sunset, link string // the values of the headers
}

// ParseDate reads a date, which begins at 00:00 UTC, or an RFC 3339 time.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("date '%s' is not valid: write a day, such as 2026-12-01 (it begins at 00:00 UTC), or an RFC 3339 time", s)
	case t.Year() < 2000: // a slip of the pen, and nothing that a header could say before 1970
		return time.Time{}, fmt.Errorf("date '%s' is before the year 2000: write the day on which callers were told", s)
	}
	return t.UTC(), nil
}

// ready checks d and gives a copy that knows the values of its headers.
func (d *Deprecation) ready() (*Deprecation, error) {
	link, err := url.Parse(d.Link)
	switch {
	case d.Deprecated.IsZero() && d.Sunset.IsZero():
		return nil, errors.New("a link alone tells callers nothing: write deprecated or sunset beside it")
	case !d.Sunset.IsZero() && d.Sunset.Before(d.Deprecated):
		return nil, fmt.Errorf("sunset %s is before deprecated %s: a route is deprecated first", day(d.Sunset), day(d.Deprecated))
	case d.Link != "" && (err != nil || link.Scheme != "https" || link.Host == "" || link.User != nil || strings.Trim(d.Link, uriCharacters) != ""):
		return nil, fmt.Errorf("link '%s' is not an https address: write the page that says what to use instead, such as https://example.com/changes", d.Link)
	}
	ready := *d
	if !d.Deprecated.IsZero() {
		ready.deprecated = "@" + strconv.FormatInt(d.Deprecated.Unix(), 10)
	}
	if !d.Sunset.IsZero() {
		ready.sunset = d.Sunset.UTC().Format(http.TimeFormat)
	}
	switch {
	case d.Link == "":
	case d.Deprecated.IsZero():
		ready.link = "<" + d.Link + `>; rel="sunset"`
	default:
		ready.link = "<" + d.Link + `>; rel="deprecation"`
	}
	return &ready, nil
}

// uriCharacters are those that a URI may hold (RFC 3986, appendix A): nothing else ends up in a header.
const uriCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"

// day is a time as an operator writes it.
func day(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.UTC().Format(time.DateOnly)
	}
	return t.UTC().Format(time.RFC3339)
}

// String says it in words.
func (d *Deprecation) String() string {
	var parts []string
	if !d.Deprecated.IsZero() {
		parts = append(parts, "deprecated "+day(d.Deprecated))
	}
	if !d.Sunset.IsZero() {
		parts = append(parts, "sunset "+day(d.Sunset))
	}
	return strings.Join(parts, ", ")
}

// Set makes the headers of an answer say so, in place of what they say of it already; links of other kinds stay.
func (d *Deprecation) Set(h http.Header) {
	values := d.setDates(h)
	if d.link != "" {
		if links := h["Link"]; len(links) > 0 {
			h["Link"] = append(links[:len(links):len(links)], d.link)
		} else {
			h["Link"] = values[2:3:3]
		}
	}
}

// SetAgain takes back what a trailer would say in place of the dates that Set wrote. The link is there already.
func (d *Deprecation) SetAgain(h http.Header) { d.setDates(h) }

// Drop takes out of an informational answer, which says nothing of the route itself, what it says of the dates.
func (*Deprecation) Drop(h http.Header) {
	for name := range h {
		if IsDate(name) {
			delete(h, name)
		}
	}
}

// setDates writes the dates, and gives the values of all three headers, which no two answers share.
func (d *Deprecation) setDates(h http.Header) *[3]string {
	d.Drop(h)
	values := &[...]string{d.deprecated, d.sunset, d.link}
	if d.deprecated != "" {
		h["Deprecation"] = values[0:1:1]
	}
	if d.sunset != "" {
		h["Sunset"] = values[1:2:2]
	}
	return values
}

// IsDate tells the names, of a header or of a trailer, under which a Deprecation alone speaks on the answers of its route.
func IsDate(name string) bool {
	name = strings.TrimPrefix(name, http.TrailerPrefix)
	return strings.EqualFold(name, "Deprecation") || strings.EqualFold(name, "Sunset")
}
