// Package caddymodule is Tollgate as a Caddy module: the app "tollgate", the handler "http.handlers.tollgate" and the
// command "tollgate". It is a thin skin: it converts between Caddy and the cores below it, which know no Caddy.
package caddymodule
