package command

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/gateway"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// pageSize is how many records are read from a store at once.
const pageSize = 1000

func workspaceCommands() caddycmd.Command {
	return caddycmd.Command{
		Name: "workspace", Usage: "create|list|show|history|set|suspend|resume|delete",
		Short: "Makes, shows, changes, suspends and deletes workspaces",
		CobraFunc: func(cmd *cobra.Command) {
			create := command("create WORKSPACE_ID", "Makes a workspace, and the key store where there is none", createWorkspace)
			settings(create)
			_ = create.MarkFlagRequired("plan") // fails only for flags that do not exist
			set := command("set WORKSPACE_ID", "Changes a workspace's plan, limits, quotas or metadata", setWorkspace)
			settings(set)
			list := withTable(command("list", "Lists the workspaces", listWorkspaces))
			list.Flags().String("plan", "", "only those on this plan")
			list.Flags().Bool("suspended", false, "only those that are suspended")
			suspend := command("suspend WORKSPACE_ID", "Refuses all keys of a workspace until it is resumed", suspendWorkspace)
			suspend.Flags().String("reason", "", "why, for operators: callers are not told")
			_ = suspend.MarkFlagRequired("reason")
			remove := command("delete WORKSPACE_ID", "Deletes a workspace and its keys; its history stays", deleteWorkspace)
			remove.Flags().Bool("yes", false, "do not ask")
			show := command("show WORKSPACE_ID", "Shows one workspace", showWorkspace)
			history := withTable(command("history WORKSPACE_ID", "Shows every change of a workspace and its keys, the newest first", workspaceHistory))
			resume := command("resume WORKSPACE_ID", "Takes back suspend", resumeWorkspace)
			group(cmd, create, list, show, history, set, suspend, resume, remove)
		},
	}
}

func settings(cmd *cobra.Command) {
	cmd.Flags().String("plan", "", "plan, one that the configuration knows")
	cmd.Flags().StringArray("limit", nil, "own limit in place of the plan's, such as 500/1m; may be repeated; none: the plan's again")
	cmd.Flags().StringArray("quota", nil, "own quota in place of the plan's, such as 100000/month; may be repeated; none: the plan's again")
	cmd.Flags().StringArray("metadata", nil, "fact for policies, such as region=eu; may be repeated; region= takes it away")
}

// settingsOf reads the flags of settings into a change, which it checks on nothing yet.
func settingsOf(i *invocation, app *gateway.App) (func(*record.Workspace) error, error) {
	if i.given("plan") {
		if err := app.CheckPlan(i.text("plan")); err != nil {
			return nil, err
		}
	}
	windows, err := record.ParseWindows(i.listOrNone("limit"))
	if err != nil {
		return nil, err
	}
	quotas, err := record.ParseQuotas(i.listOrNone("quota"))
	if err != nil {
		return nil, err
	}
	metadata, err := parseMetadata(i.list("metadata"))
	if err != nil {
		return nil, err
	}
	return func(w *record.Workspace) error {
		if i.given("plan") {
			w.Plan = i.text("plan")
		}
		if i.given("limit") {
			w.Limits = windows
		}
		if i.given("quota") {
			w.Quotas = quotas
		}
		for _, fact := range metadata {
			if w.Metadata == nil {
				w.Metadata = map[string]any{}
			}
			if w.Metadata[fact.name] = fact.value; fact.value == "" {
				delete(w.Metadata, fact.name)
			}
		}
		return nil
	}, nil
}

// listOrNone is what a flag lists; the word none alone: nothing.
func (i *invocation) listOrNone(flag string) []string {
	if list := i.list(flag); !slices.Equal(list, []string{"none"}) {
		return list
	}
	return nil
}

// fact is one of a workspace's metadata.
type fact struct{ name, value string }

func parseMetadata(list []string) ([]fact, error) {
	facts := make([]fact, len(list))
	for i, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("metadata '%s' has no name and value: write them as region=eu", text)
		}
		facts[i] = fact{name, value}
	}
	return facts, nil
}

// createWorkspace is the one command that may make a store: it does so only when nothing else can be wrong any more.
func createWorkspace(i *invocation) error {
	app, err := i.app()
	if err != nil {
		return err
	}
	change, err := settingsOf(i, app)
	if err != nil {
		return err
	}
	workspace := &record.Workspace{ID: i.args[0]}
	if err := change(workspace); err != nil {
		return err
	}
	if err := keystore.CheckWorkspace(workspace); err != nil {
		return err
	}
	return i.write(app, true, func(s *config.Store, act keystore.Act) (done, error) {
		if err := s.CreateWorkspace(i, act, workspace); err != nil {
			return done{}, err
		}
		return i.doneWorkspace("made", workspace), nil
	})
}

func setWorkspace(i *invocation) error {
	if !slices.ContainsFunc([]string{"plan", "limit", "quota", "metadata"}, i.given) {
		return errors.New("nothing to change: write --plan, --limit, --quota or --metadata")
	}
	app, err := i.app()
	if err != nil {
		return err
	}
	change, err := settingsOf(i, app)
	if err != nil {
		return err
	}
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		var before record.Workspace
		workspace, err := s.UpdateWorkspace(i, act, i.args[0], func(w *record.Workspace) error {
			before = *w
			before.Metadata = maps.Clone(w.Metadata)
			return change(w)
		})
		if err != nil {
			return done{}, err
		}
		d := i.doneWorkspace("changed", workspace)
		d.nothing = before.Plan == workspace.Plan && slices.Equal(before.Limits, workspace.Limits) && slices.Equal(before.Quotas, workspace.Quotas) &&
			maps.EqualFunc(before.Metadata, workspace.Metadata, func(a, b any) bool { return reflect.DeepEqual(a, b) })
		return d, nil
	})
}

// doneWorkspace is a workspace that was made or changed.
func (i *invocation) doneWorkspace(did string, w *record.Workspace) done {
	return done{committed: fmt.Sprintf("workspace %s was %s", w.ID, did), print: func() error { return i.printWorkspace(w) }}
}

func showWorkspace(i *invocation) error {
	return i.read(func(s *config.Store) error {
		workspace, err := s.Workspace(i, i.args[0])
		if err != nil {
			return err
		}
		return i.printWorkspace(workspace)
	})
}

func (i *invocation) printWorkspace(w *record.Workspace) error {
	if i.json() {
		return output.JSON(i.out(), keysapi.NewWorkspaceView(w))
	}
	return output.Fields(i.out(), "workspace", w.ID, "plan", w.Plan, "limits", ownOrPlans(w.Limits), "quotas", ownOrPlans(w.Quotas), "metadata", compactJSON(w.Metadata),
		"suspended", suspendedOrNot(w))
}

// ownOrPlans are the workspace's own limits, for people.
func ownOrPlans[T any](own []T) string {
	if len(own) == 0 {
		return "the plan's"
	}
	return output.Words(own)
}

func listWorkspaces(i *invocation) error {
	return i.read(func(s *config.Store) error {
		all, err := allPages(func(after string) ([]*record.Workspace, error) { return s.Workspaces(i, after, pageSize) },
			func(w *record.Workspace) string { return w.ID })
		if err != nil {
			return err
		}
		onlySuspended, _ := i.cmd.Flags().GetBool("suspended")
		views, rows := []keysapi.WorkspaceView{}, [][]string{}
		for _, w := range all {
			if i.given("plan") && w.Plan != i.text("plan") || onlySuspended && !w.Suspended() {
				continue
			}
			state := "active"
			if w.Suspended() {
				state = "suspended"
			}
			views = append(views, keysapi.NewWorkspaceView(w))
			rows = append(rows, []string{w.ID, w.Plan, state, ownOrPlans(w.Limits), ownOrPlans(w.Quotas), compactJSON(w.Metadata)})
		}
		if i.json() {
			return output.JSON(i.out(), views)
		}
		columns := []output.Column{output.Whole("WORKSPACE"), output.Short("PLAN"), output.Whole("STATE"), output.Short("LIMITS"), output.Wide("QUOTAS"), output.Short("METADATA")}
		return output.Table(i.out(), i.width(), columns, rows)
	})
}

// workspaceHistory shows what was done to a workspace and its keys, to one that was deleted as well.
func workspaceHistory(i *invocation) error {
	return i.read(func(s *config.Store) error {
		return i.printHistory(s, i.args[0], "")
	})
}

// allPages reads page after page.
func allPages[T any](page func(after string) ([]T, error), id func(T) string) (all []T, err error) {
	for after := ""; ; after = id(all[len(all)-1]) {
		next, err := page(after)
		if all = append(all, next...); err != nil || len(next) < pageSize {
			return all, err
		}
	}
}
