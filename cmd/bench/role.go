package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// roleArgument makes this program play another part than the one that measures, in a process of its own.
const roleArgument = "-play"

// playRole is the backend, the way to a distant Redis, or the load generator, and gives the exit status.
func playRole(args []string) int {
	var err error
	switch {
	case len(args) == 2 && args[0] == "backend":
		err = serveBackend(args[1])
	case len(args) == 3 && args[0] == "away":
		err = passOn(args[1], args[2], time.Millisecond)
	case len(args) == 1 && args[0] == "load": // the plan comes on standard input
		var plan loadPlan
		if err = json.NewDecoder(os.Stdin).Decode(&plan); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(plan.drive())
		}
	default:
		err = fmt.Errorf("unknown part %q", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// serveBackend answers every request at once, with a short JSON text.
func serveBackend(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	answer := []byte(`{"success":true,"data":{"id":"l1","firstName":"Ada","lastName":"Lovelace","score":80}}`)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(answer) // an error is the proxy's leaving
	})}
	return server.Serve(listener)
}
