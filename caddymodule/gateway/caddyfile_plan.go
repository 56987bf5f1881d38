package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/dispenser"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// parsePlan reads a plan. Syntax:
//
//	plan <name> <limit>/<duration>... {
//		quota      <limit>/day | <limit>/month
//		over       allow
//		warn       <number>%
//		concurrent <number>
//	}
func (a *App) parsePlan(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return errors.New("write a name and one or more windows, such as: plan pro 200/1m 5000/1h")
	}
	windows, err := record.ParseWindows(args[1:])
	if err != nil {
		return err
	}
	plan := Plan{Name: args[0], Windows: windows, Source: dispenser.Source(d)}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		word := d.Val()
		parse, known := planOptions[word]
		if !known {
			return fmt.Errorf("unknown option '%s': write quota, over, warn or concurrent", word)
		}
		if seen[word] && word != "quota" {
			return fmt.Errorf("'%s' is given twice: keep one of them", word)
		}
		seen[word] = true
		var text string
		if !d.Args(&text) || d.NextArg() {
			return dispenser.Located(d, word, errors.New("write one value, such as "+planExamples[word]))
		}
		if err := parse(&plan, text); err != nil {
			return dispenser.Located(d, word, err)
		}
	}
	if err := plan.check(); err != nil {
		return err
	}
	return a.addPlan(plan)
}

// planOptions are the words of a plan's block: each reads its value.
var planOptions = map[string]func(*Plan, string) error{
	"quota": func(p *Plan, text string) error {
		quota, err := record.ParseQuota(text)
		p.Quotas = append(p.Quotas, quota)
		return err
	},
	"over": func(p *Plan, text string) error {
		if text != "allow" {
			return fmt.Errorf("'%s' is not known: write over allow, or leave it out, and requests past a quota are refused", text)
		}
		p.OverQuota = true
		return nil
	},
	"warn": func(p *Plan, text string) (err error) {
		number, isPercent := strings.CutSuffix(text, "%")
		if p.Warn, err = strconv.ParseInt(number, 10, 64); err != nil || !isPercent || p.Warn < 1 || p.Warn > 99 {
			return fmt.Errorf("'%s' is not a share of a quota: write 1%% to 99%%, such as 80%%", text)
		}
		return nil
	},
	"concurrent": func(p *Plan, text string) (err error) {
		if p.Concurrent, err = strconv.ParseInt(text, 10, 64); err != nil || p.Concurrent < 1 || p.Concurrent > maxConcurrent {
			return fmt.Errorf("'%s' is not a whole number from 1 to %d, such as 20", text, maxConcurrent)
		}
		return nil
	},
}

var planExamples = map[string]string{"quota": "quota 100000/month", "over": "over allow", "warn": "warn 80%", "concurrent": "concurrent 20"}

func (a *App) parseDenied(d *caddyfile.Dispenser) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return errors.New("write one or more plan names, such as: denied trial free")
	}
	for _, name := range names {
		if err := a.addPlan(Plan{Name: name, Denied: true, Source: dispenser.Source(d)}); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) addPlan(plan Plan) error {
	if err := record.CheckID(plan.Name); err != nil {
		return fmt.Errorf("plan name: %w", err)
	}
	for _, other := range a.Plans {
		if other.Name == plan.Name {
			return fmt.Errorf("plan '%s' is given twice: keep one of them", plan.Name)
		}
	}
	a.Plans = append(a.Plans, plan)
	return nil
}
