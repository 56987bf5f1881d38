package dashboard

import (
	"net"
	"net/http"
	"reflect"
	"strings"
)

// checkHost refuses a Host that is not the admin endpoint's. Caddy checks it as well, but not where the admin address is a
// wildcard: a page of any site could then have its name resolved to this machine and read what we say (DNS rebinding). There
// the configuration must say by which names the endpoint is asked: `admin :2019 { origins gateway.internal:2019 }`.
//
// Unix sockets, which no browser opens, and the remote admin endpoint, which asks for a client's certificate, have no such
// check, as in Caddy.
func checkHost(r *http.Request) error {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return nil
	}
	hosts, remote := endpoint(r)
	if remote {
		return nil
	}
	for _, host := range hosts {
		if host != "" && strings.EqualFold(host, r.Host) {
			return nil
		}
	}
	return refuse(http.StatusForbidden, "host %s is not one of the admin endpoint's: ask by its address, or name the host in the configuration: "+
		"admin <address> { origins %[1]s }", clip(r.Host))
}

// endpoint is what Caddy knows of the endpoint that a request came to: the hosts by which it may be asked, and whether it is
// the remote one. Caddy shows neither, so they are read from its handler; where that has another form they are empty, and
// nobody may ask.
func endpoint(r *http.Request) (hosts []string, remote bool) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok || server.Handler == nil {
		return nil, false
	}
	handler := reflect.ValueOf(server.Handler)
	if handler.Kind() != reflect.Struct {
		return nil, false
	}
	if control := handler.FieldByName("remoteControl"); control.IsValid() && control.Kind() == reflect.Pointer && !control.IsNil() {
		return nil, true
	}
	origins := handler.FieldByName("allowedOrigins")
	if !origins.IsValid() || origins.Kind() != reflect.Slice {
		return nil, false
	}
	for i := range origins.Len() {
		if host := reflect.Indirect(origins.Index(i)); host.Kind() == reflect.Struct {
			if name := host.FieldByName("Host"); name.IsValid() && name.Kind() == reflect.String {
				hosts = append(hosts, name.String())
			}
		}
	}
	return hosts, false
}
