package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// loadPlan is what the load generator is told.
type loadPlan struct {
	Address     string
	Connections int
	For         time.Duration
	// Requests are sent in turn, byte for byte; each connection begins at another one.
	Requests []string
	// Status is what every answer must say.
	Status int
}

// load is what came of a plan.
type load struct {
	Requests int64
	// Wrong is how many answers had another status, or none, and First is what the first of them was.
	Wrong int64
	First string
	// P50, P99 and P999 are how long an answer took, and Took how long all of it.
	P50, P99, P999, Took time.Duration
}

// drive sends the next request on a connection when the last one is answered.
func (p *loadPlan) drive() load {
	began := time.Now()
	ends := began.Add(p.For)
	results := make([]lane, p.Connections)
	var all sync.WaitGroup
	for n := range results {
		all.Go(func() { results[n].run(p, n*len(p.Requests)/p.Connections, ends) })
	}
	all.Wait()
	sum := load{Took: time.Since(began)}
	var times []time.Duration
	for i := range results {
		times = append(times, results[i].times...)
		if sum.Wrong += results[i].wrong; sum.First == "" {
			sum.First = results[i].first
		}
	}
	sum.Requests = int64(len(times))
	slices.Sort(times)
	at := func(share float64) time.Duration {
		if len(times) == 0 {
			return 0
		}
		return times[min(len(times)-1, int(share*float64(len(times))))]
	}
	sum.P50, sum.P99, sum.P999 = at(0.5), at(0.99), at(0.999)
	return sum
}

// lane is one connection, which is made anew when the other side closes it.
type lane struct {
	times []time.Duration
	wrong int64
	first string
}

func (l *lane) run(p *loadPlan, next int, ends time.Time) {
	var conn net.Conn
	var reader *bufio.Reader
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for now := time.Now(); now.Before(ends); {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", p.Address); err != nil {
				l.fail(err.Error())
				return
			}
			reader = bufio.NewReader(conn)
		}
		_, err := io.WriteString(conn, p.Requests[next%len(p.Requests)])
		next++
		status, closes := 0, true
		if err == nil {
			status, closes, err = readAnswer(reader)
		}
		end := time.Now()
		l.times = append(l.times, end.Sub(now))
		now = end
		switch {
		case err != nil:
			l.fail(err.Error())
		case status != p.Status:
			l.fail(fmt.Sprintf("status %d", status))
		}
		if err != nil || closes {
			_ = conn.Close()
			conn = nil
		}
	}
}

func (l *lane) fail(why string) {
	if l.wrong++; l.first == "" {
		l.first = why
	}
}

// readAnswer reads one answer with as little work as can be: the generator shares the machine with what it measures.
func readAnswer(r *bufio.Reader) (status int, closes bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, true, err
	}
	if len(line) < 12 {
		return 0, true, fmt.Errorf("no status in %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, true, err
	}
	length, chunked := int64(0), false
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return status, true, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return status, true, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("connection")):
			closes = bytes.EqualFold(value, []byte("close"))
		}
	}
	if !chunked {
		_, err = r.Discard(int(length))
		return status, closes, err
	}
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return status, true, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 64)
		if err != nil {
			return status, true, err
		}
		if _, err := r.Discard(int(size) + 2); err != nil || size == 0 {
			return status, closes, err
		}
	}
}
