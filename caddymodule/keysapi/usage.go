package keysapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tollgate-gateway/tollgate/caddymodule/refusal"
	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// UsageView is what workspaces used.
type UsageView = usage.View

// mostRows is how many sums an answer has room for.
const mostRows = 10_000

// used gives what one workspace used, or all of them.
func (x *exchange) used() (*Answer, error) {
	f, err := readQuery(x.Query)
	if err != nil {
		return nil, err
	}
	now, workspace := x.Now(), x.readWhose(f)
	from, to, by := usage.MonthOf(now), now, "day"
	moment := func(value any) (time.Time, error) { return usage.ParseMoment(value.(string), now) }
	set(&from, read(f, "from", moment))
	set(&to, read(f, "to", moment))
	set(&by, read(f, "by", parseText))
	if err := f.done(); err != nil {
		return nil, err
	}
	if !x.within(workspace) {
		return nil, noWorkspace()
	}
	report, err := usage.NewReport(workspace, from, to, by)
	if err != nil {
		return nil, invalid(map[string]any{"query": err.Error()})
	}
	if x.Usage == nil {
		return nil, &refusal.Refusal{Kind: refusal.HandlerNotFound, Status: 404, Message: "What is used is not kept here."}
	}
	rows, total, err := report.Rows(x.ctx, x.Usage)
	switch {
	case err != nil:
		return nil, err
	case len(rows) > mostRows:
		return nil, invalid(map[string]any{"by": fmt.Sprintf("gives %d sums, and there is room for %d: ask for a shorter time, or by fewer fields", len(rows), mostRows)})
	}
	return &Answer{Status: http.StatusOK, Data: report.View(rows, total)}, nil
}
