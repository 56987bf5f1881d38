package command

import (
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/site"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

func routesCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "routes", Usage: "[--json]", Short: "Lists the routes of a configuration, documents' too",
		Long: `Prints the route table of each gate as it results from the configuration: what is written in it, and the operations of its
OpenAPI documents, with the file and the line where each stands. An operation for whose requests a route is written is not
among them. Needs no gateway and no store.`,
		CobraFunc: func(cmd *cobra.Command) { runnable(withTable(cmd), listRoutes) },
	}
}

// listedRoute is a route as the command prints it.
type listedRoute struct {
	Site        string        `json:"site"`
	Methods     []string      `json:"methods"`
	Path        string        `json:"path"`
	Needs       string        `json:"needs"` // public, key, whoami, describe or scopes
	Scopes      []string      `json:"scopes"`
	Cost        int64         `json:"cost"`
	Body        int64         `json:"body"`
	Limit       record.Window `json:"limit,omitzero"` // of one client address, on a public route
	Deprecation string        `json:"deprecation"`
	Source      string        `json:"source"`
}

func listRoutes(i *invocation) error {
	c, err := i.configuration()
	if err != nil {
		return err
	}
	gates, err := gatesOf(c)
	if err != nil {
		return c.Wrong(err)
	}
	list := []listedRoute{}
	for _, g := range gates {
		for _, r := range g.handler.Routes {
			listed := listedRoute{Site: g.place.String(), Methods: r.Methods, Path: r.Path, Scopes: append([]string{}, r.Scopes...),
				Cost: r.Cost, Body: r.Body, Limit: r.Limit, Source: r.Source}
			switch {
			case r.Public:
				listed.Needs = "public"
			case r.Whoami:
				listed.Needs = "whoami"
			case r.MCP:
				listed.Needs = "mcp"
			case r.Describes:
				listed.Needs = "describe"
			case len(r.Scopes) > 0:
				listed.Needs = "scopes"
			default:
				listed.Needs = "key"
			}
			if r.Deprecation != nil {
				listed.Deprecation = r.Deprecation.String()
			}
			list = append(list, listed)
		}
	}
	if i.json() {
		return output.JSON(i.out(), list)
	}
	columns := []output.Column{output.Whole("SITE").If(len(gates) > 1), output.Whole("METHODS"), output.Short("PATH"), output.Short("NEEDS"),
		output.Whole("COST"), output.Wide("BODY"), output.Wide("DEPRECATION"), output.Path("SOURCE")}
	rows := make([][]string, len(list))
	for n, r := range list {
		needs := r.Needs
		switch {
		case needs == "scopes":
			needs = output.Words(r.Scopes)
		case r.Limit.Limit > 0:
			needs += ", " + r.Limit.String() + " an address"
		}
		rows[n] = []string{r.Site, strings.Join(r.Methods, ","), r.Path, needs, number(r.Cost), number(r.Body), output.Dash(r.Deprecation), output.Dash(r.Source)}
	}
	return output.Table(i.out(), i.width(), columns, rows)
}

// number is a number for people; 0: "-".
func number(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// placedGate is a gate of a configuration, read, and where it stands.
type placedGate struct {
	place   *site.Place
	handler *gateway.Handler
}

// gatesOf reads the gates of a configuration.
func gatesOf(c *config.Configuration) (gates []placedGate, err error) {
	servers, err := c.Servers()
	if err != nil {
		return nil, err
	}
	for _, server := range servers {
		places, err := server.Places()
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			own, err := place.Gate.Config()
			if err != nil {
				return nil, err
			}
			handler, err := gateway.ReadGate(own)
			if err != nil {
				return nil, err
			}
			gates = append(gates, placedGate{place, handler})
		}
	}
	return gates, nil
}
