package route_test

import (
	"fmt"

	"github.com/tollgate-gateway/tollgate/caddymodule/route"
)

func ExampleTable_Match() {
	table, err := route.New([]*route.Route{
		{Methods: []string{"GET"}, Pattern: "/leads/export", Scopes: []string{"leads.export"}},
		{Methods: []string{"GET"}, Pattern: "/leads/:id", Scopes: []string{"leads.read"}},
		{Methods: []string{"POST"}, Pattern: "/data/:document", Scopes: []string{"konecty.:document.create"}, Cost: 5},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var m route.Match
	for _, request := range [][2]string{
		{"GET", "/leads/export"}, {"GET", "/leads/l1"}, {"GET", "/leads/EXPORT"}, {"POST", "/data/Contact"}, {"POST", "/data/Contact.x"},
	} {
		found, err := table.Match(request[0], request[1], &m)
		switch {
		case err != nil:
			fmt.Println(request[1], "is refused:", err)
		case found:
			fmt.Println(request[1], "needs", m.Scopes, "and costs", m.Route.Cost)
		default:
			fmt.Println(request[1], "is unknown")
		}
	}
	// Output:
	// /leads/export needs [leads.export] and costs 1
	// /leads/l1 needs [leads.read] and costs 1
	// /leads/EXPORT is unknown
	// /data/Contact needs [konecty.Contact.create] and costs 5
	// /data/Contact.x is refused: the value of a path parameter cannot stand in the scope that the route needs
}
