// Package gateway is all of Tollgate that serves inside Caddy: the app "tollgate" with what all sites share, the handler
// "http.handlers.tollgate" that stands in front of an API, "http.handlers.tollgate_keys" behind it, the Caddyfile's words
// for them, metrics, logs and the admin endpoint. It is thin: it converts between Caddy and the cores, which know no
// Caddy. Start at Handler.ServeHTTP.
//
// Where keys are kept and limits are counted is the affair of guest modules: implement KeyStore or CounterEngine and
// register a module in the namespace tollgate.keys or tollgate.counters. Rehearse judges a request without serving it.
package gateway
