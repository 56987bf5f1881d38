package envelope

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// encodedSlack is how much longer than max_body an encoded body may be: encoding what cannot be compressed adds a little.
const encodedSlack = 1 << 10

// capture holds an answer back: one that is an error, or that may be a soft failure.
type capture struct {
	mapper  *Mapper
	status  int
	header  http.Header // as it was when the body began; what comes later are trailers. Nil: a success that is looked at
	coding  string      // Content-Encoding; "": none
	body    []byte      // as it came, encoded or not
	buffer  *[]byte     // where body came from
	look    scanner
	again   int    // how long an encoded body must be before it is looked at again
	bound   int    // how much of the body is held at most, in bytes as they come
	said    string // what there was of a body that was given up, for the log
	started time.Time
	timer   *time.Timer
	late    atomic.Bool // the timer fired
}

// maxKept is the largest buffer that is kept for the next capture.
const maxKept = 256 << 10

// bodyBuffers are shared by all captures.
var bodyBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

func newCapture(m *Mapper, status int, h http.Header) *capture {
	c := &capture{mapper: m, status: status, coding: contentCoding(h), started: time.Now(), bound: m.maxBody}
	if c.coding != "" {
		c.bound += encodedSlack
	}
	return c
}

// snapshot keeps the header as it is.
func (c *capture) snapshot(h http.Header) {
	if c.header == nil {
		c.header = maps.Clone(h)
	}
}

// scan looks at the next part of a success. What is encoded is looked at when it is held.
func (c *capture) scan(p []byte) verdict {
	if c.coding != "" {
		return undecided
	}
	return c.look.feed(p)
}

// scanHeld looks at what is held of an encoded success, as far as that can be decoded: at its beginning, each time a
// quarter more has come, and at its end.
func (c *capture) scanHeld(atEnd bool) verdict {
	if c.coding == "" || len(c.body) < c.again && !atEnd {
		return undecided
	}
	c.again = len(c.body) + len(c.body)/4
	body, _ := c.decoded()
	var s scanner
	return s.feed(body)
}

// await begins the time that the rest of an error body has.
func (c *capture) await(cancel context.CancelFunc) {
	c.timer = time.AfterFunc(c.mapper.timeout-time.Since(c.started), func() {
		c.late.Store(true)
		if cancel != nil {
			cancel()
		}
	})
}

// expired reports whether the answer has been held for as long as any may be.
func (c *capture) expired() bool { return time.Since(c.started) > c.mapper.timeout }

// announcedTooLong reports whether Content-Length says that the body will not be held to its end.
func (c *capture) announcedTooLong(h http.Header) bool {
	length, err := strconv.ParseInt(first(h["Content-Length"]), 10, 64)
	return err == nil && length > int64(c.bound)
}

// add keeps p, unless that would be too much.
func (c *capture) add(p []byte) bool {
	if len(c.body)+len(p) > c.bound {
		return false
	}
	c.keep(p)
	return true
}

// addForLog keeps as much of p, which is too much, as the log may say.
func (c *capture) addForLog(p []byte) { c.keep(p[:max(0, min(len(p), maxLogText-len(c.body)))]) }

func (c *capture) keep(p []byte) {
	if c.buffer == nil {
		c.buffer = bodyBuffers.Get().(*[]byte)
		c.body = (*c.buffer)[:0]
	}
	c.body = append(c.body, p...)
}

// decoded is the body without its encoding, or what comes first of it: it reports false where the whole is longer than
// max_body, broken or unknown.
func (c *capture) decoded() (body []byte, whole bool) {
	if c.coding == "" {
		return c.body, true
	}
	return decode(c.coding, c.body, c.mapper.maxBody)
}

// restore makes h what it was when the body began: what came later was meant as trailers.
func (c *capture) restore(h http.Header) {
	if c.header != nil {
		clear(h)
		maps.Copy(h, c.header)
	}
}

// giveUp forgets the body, but for what the log is to say of it.
func (c *capture) giveUp() {
	body, _ := c.decoded()
	if len(body) == 0 {
		body = c.body // of another encoding than it says
	}
	c.said = logText(body)
	c.forget()
}

// forget stops the timer and gives the body up.
func (c *capture) forget() {
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.buffer == nil {
		return
	}
	if cap(c.body) <= maxKept {
		*c.buffer = c.body[:0]
		bodyBuffers.Put(c.buffer)
	}
	c.buffer, c.body = nil, nil
}
