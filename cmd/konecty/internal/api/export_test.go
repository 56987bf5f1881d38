package api

import "net/http"

// SetTransport lets tests answer in the place of a network.
func (c *Client) SetTransport(t http.RoundTripper) { c.http.Transport = t }
