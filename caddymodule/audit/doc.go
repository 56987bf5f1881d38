// Package audit says what is dangerous or dead in a gateway's configuration and key store. It is told facts and gives
// findings: it opens nothing, and knows neither Caddy nor a database.
package audit
