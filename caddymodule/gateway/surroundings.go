package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

// lookAround looks at the server that a handler of ours is being loaded for: once, by the first of them, when the routes that
// follow are still as they are written. It is the one moment at which validate and run both see the whole of a server,
// however its configuration was made. What leaves the API open, or can never work, is an error.
func (a *App) lookAround(ctx caddy.Context, logger *zap.Logger, source string) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || a.seen[server] {
		return nil
	}
	if a.seen == nil {
		a.seen = map[*caddyhttp.Server]bool{}
	}
	a.seen[server] = true
	if server.TrustedProxiesStrict == 0 && trustsProxies(server) {
		a.warn(logger, leftmostWarning, zap.String("server", server.Name()), zap.String("at", source))
	}
	findings, err := site.Loading(server).Findings()
	if err != nil {
		a.warn(logger, "what stands before the gates of this server is not known", zap.String("server", server.Name()), zap.Error(err))
	}
	var fatal []error
	for _, finding := range findings {
		if finding.Fatal {
			fatal = append(fatal, errors.New(finding.Text))
			continue
		}
		a.warn(logger, finding.Text)
	}
	return errors.Join(fatal...)
}

// leftmostWarning says that the site believes what clients of its proxies write: Caddy takes the leftmost address of
// X-Forwarded-For unless told to walk from the right, and an allowlist is then no more than the client's word.
const leftmostWarning = "trusted_proxies without trusted_proxies_strict: clients can choose the address that allowlists judge"

// trustsProxies reports whether the server has trusted proxies. Caddy has forgotten their text by then, and shows what it made
// of it to nobody; where it is not found under this name, the first request from a trusted proxy tells.
func trustsProxies(server *caddyhttp.Server) bool {
	made := reflect.ValueOf(server).Elem().FieldByName("trustedProxies")
	return made.IsValid() && made.Kind() == reflect.Interface && !made.IsNil()
}

// warnings say what of the gate's routes may be a mistake: one that opens whatever has no route, and one that some plan can
// never pay for.
func (h *Handler) warnings(routes []*route.Route) (list []string) {
	for _, r := range routes {
		at := cmp.Or(r.Source, h.Source, "tollgate") // in JSON nowhere in particular
		if r.Public && r.Pattern == "/*" && slices.ContainsFunc(r.Methods, func(m string) bool { return m != http.MethodOptions }) {
			list = append(list, fmt.Sprintf("%s: public %s /* lets through unchecked whatever has no route of its own: name the paths that are public",
				at, strings.Join(r.Methods, ",")))
		}
		var poor []string
		for _, name := range slices.Sorted(maps.Keys(h.app.planTable)) {
			if plan := h.app.planTable[name]; !plan.Denied && r.Cost > lowestLimit(plan) {
				poor = append(poor, fmt.Sprintf("%s (%d)", name, lowestLimit(plan)))
			}
		}
		if len(poor) > 0 {
			list = append(list, fmt.Sprintf("%s: route %s: cost %d is above the limit of some plans, whose workspaces are refused with 403: %s",
				at, r.Pattern, r.Cost, strings.Join(poor, ", ")))
		}
	}
	return list
}
