// Package api speaks to a Konecty server, bare or behind a gateway, and understands the errors of both.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// timeout is how long one answer may take, body included.
	timeout = 60 * time.Second
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 64 << 20
	// maxWait is the longest Retry-After that is waited for. Nobody sits through the rest of a day's window.
	maxWait = 15 * time.Minute
)

// Options say how to reach the server. Host must be given.
type Options struct {
	// Host is where the server is, such as https://crm.example.com. It may have a path.
	Host string
	// Token is the session token of the server, or the key of the gateway. Without one nobody but who logs in is answered.
	Token string
	// Language is that of labels; empty means the server's own.
	Language string
	// NoWait makes 429 an error at once.
	NoWait bool
	// Wait waits; nil means by the clock. It ends early with ctx.
	Wait func(ctx context.Context, d time.Duration) error
	// Notice is told of waiting, one line at a time; nil means nobody is.
	Notice func(line string)
	// Now is the clock that HTTP dates are compared with. Nil means time.Now.
	Now func() time.Time
}

// Client is a session with one server. It is not for concurrent use.
type Client struct {
	options Options
	base    string
	http    *http.Client
	waited  bool
}

// New checks the options. It connects to nobody.
func New(options Options) (*Client, error) {
	host, err := url.Parse(strings.TrimRight(options.Host, "/"))
	if err != nil || host.Scheme != "https" && host.Scheme != "http" || host.Hostname() == "" || host.User != nil || host.RawQuery != "" || host.Fragment != "" {
		return nil, errors.New("the host must look like https://crm.example.com")
	}
	if options.Wait == nil {
		options.Wait = sleep
	}
	if options.Notice == nil {
		options.Notice = func(string) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Client{options: options, base: host.String(), http: &http.Client{
		Timeout: timeout,
		// Following a redirect would turn POST into GET, and might carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Host is where the server is, without a slash at its end.
func (c *Client) Host() string { return c.base }

// Close ends the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request and reads the answer; after a 429 it waits once in the client's life and asks again. The answer is
// a success, else there is an error.
func (c *Client) ask(ctx context.Context, method, path string, body any) (*answer, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("writing the request: %w", err)
		}
	}
	a, err := c.send(ctx, method, path, sent)
	if err != nil {
		return nil, err
	}
	if wait, known := c.retryAfter(a); a.status == http.StatusTooManyRequests && known && wait <= maxWait && !c.options.NoWait && !c.waited {
		c.waited = true
		c.options.Notice(fmt.Sprintf("the limit is reached: waiting %v as the server asks (--no-wait does not)", wait))
		if err := c.options.Wait(ctx, wait); err != nil {
			return nil, fmt.Errorf("waiting for the limit: %w", err)
		}
		if a, err = c.send(ctx, method, path, sent); err != nil {
			return nil, err
		}
	}
	return a, c.failure(a)
}

func (c *Client) send(ctx context.Context, method, path string, body []byte) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if c.options.Token != "" { // who logs in has none yet
		r.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	r.Header.Set("Accept", "application/json, application/x-ndjson")
	r.Header.Set("User-Agent", "konecty-cli")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(content) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)
	}
	if err != nil {
		return nil, c.unreachable(err)
	}
	return &answer{response.StatusCode, response.Header, content}, nil
}

// unreachable leaves out what net/http says around the cause.
func (c *Client) unreachable(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return &Unreachable{fmt.Sprintf("cannot reach %s: %v", c.base, err)}
}

// retryAfter reads Retry-After in both its forms (RFC 9110, section 10.2.3).
func (c *Client) retryAfter(a *answer) (time.Duration, bool) {
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1<<30 {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(c.options.Now()).Round(time.Second), time.Second), true
	}
	return 0, false
}
