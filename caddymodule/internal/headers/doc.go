// Package headers is what the gateway does to headers, without any server: it cleans a request's for the backend, tells the
// backend who is calling, keeps the names on an answer that are the gateway's to set, and knows the secrets that it put into a
// request when the backend's answer repeats them.
package headers
