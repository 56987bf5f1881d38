package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/dashboard"
	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
)

func dashboardCommand() caddycmd.Command {
	return caddycmd.Command{
		Name: "dashboard", Short: "Shows in a browser who is refused, why, and how the gateway does",
		Long: `Prints where a browser finds the dashboard of the gateway that runs with the configuration, and serves it there until
Ctrl-C. Browsers cannot open the gateway's admin endpoint itself: Caddy refuses them. The dashboard only shows; it changes
nothing and holds no secrets. It listens on this machine alone. From another one, reach it over ssh with the line that is
printed: the port is the same on both sides, because the dashboard answers to no other.`,
		CobraFunc: func(cmd *cobra.Command) {
			runnable(cmd, showDashboard)
			cmd.Flags().Uint16("port", 0, "port to listen on, on 127.0.0.1 (default: one that is free)")
			cmd.Flags().String("address", "", "address of the gateway's admin endpoint (default: the configuration's)")
		},
	}
}

// shownDashboard is what the command prints.
type shownDashboard struct {
	Gateway string `json:"gateway"`
	URL     string `json:"url"`
	SSH     string `json:"ssh"`
}

func showDashboard(i *invocation) error {
	admin, err := i.adminAddress()
	if err != nil {
		return err
	}
	if err := answers(admin); err != nil {
		return err
	}
	port, _ := i.cmd.Flags().GetUint16("port")
	relay, err := dashboard.NewRelay(admin, int(port))
	if err != nil {
		return err
	}
	own := strconv.Itoa(relay.Port())
	shown := shownDashboard{admin, relay.URL(), "ssh -N -L " + own + ":127.0.0.1:" + own + " " + thisHost()}
	if i.json() {
		err = output.JSON(i.out(), shown)
	} else {
		_, err = fmt.Fprintf(i.out(), "The dashboard of the gateway at %s:\n\n    %s\n\nFrom another machine, first: %s\nCtrl-C ends it.\n",
			shown.Gateway, shown.URL, shown.SSH)
	}
	if err != nil {
		return err
	}
	parent := i.Context
	if parent == nil {
		parent = context.Background()
	}
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return relay.Serve(ctx)
}

// adminAddress is the address that was written, or the configuration's.
func (i *invocation) adminAddress() (string, error) {
	if i.given("address") {
		return i.text("address"), nil
	}
	c, err := i.configuration()
	if err != nil {
		return "", err
	}
	return c.AdminAddress()
}

// answers says why the dashboard would show nothing.
func answers(admin string) error {
	if _, err := config.GetAdmin[struct{}](admin, gateway.AdminPath+"status"); err != nil {
		return fmt.Errorf("no gateway answers at the admin endpoint %s: %w", admin, err)
	}
	return nil
}

// thisHost is this machine's name, for a line to paste on another.
func thisHost() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "this-host"
}
