package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tollgate-gateway/tollgate/caddymodule/usage"
)

// parseUsage reads where the ledger is kept, and for how long. Syntax:
//
//	usage off
//	usage [sqlite <path> | postgres <address>] [{
//		keep <n>d         # by the hour; then hours are folded into days
//		days <n>d|<n>mo   # by the day
//	}]
func (a *App) parseUsage(d *caddyfile.Dispenser) (err error) {
	a.Usage = new(Usage)
	a.written(d, "usage")
	said := 0
	for ; d.NextArg(); said++ {
		if d.Val() == "off" {
			if a.Usage.Off = true; d.NextArg() || d.NextBlock(d.Nesting()) {
				return fmt.Errorf("'%s' stands behind off: write usage off alone", d.Val())
			}
			return nil
		}
		if a.Usage.StoreRaw, err = parseUsageStore(d); err != nil {
			return err
		}
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); said++ {
		into, unit := &a.Usage.KeepDays, "90d"
		switch d.Val() {
		case "keep":
		case "days":
			into, unit = &a.Usage.Days, "25mo"
		default:
			return fmt.Errorf("unknown option '%s': write keep or days", d.Val())
		}
		word, text := d.Val(), ""
		if !d.Args(&text) || d.NextArg() {
			return fmt.Errorf("%s: write one number of days, such as %s %s", word, word, unit)
		}
		if *into != 0 {
			return fmt.Errorf("'%s' is given twice: keep one of them", word)
		}
		if *into, err = parseDays(text); err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	if said == 0 {
		return errors.New("write off, a database such as sqlite usage.db, or a block with keep 90d and days 25mo")
	}
	return a.Usage.check()
}

// parseUsageStore reads the words of a guest module up to a block, which is not the guest's here.
func parseUsageStore(d *caddyfile.Dispenser) ([]byte, error) {
	name, tokens := d.Val(), []caddyfile.Token{d.Token()}
	for d.NextArg() {
		tokens = append(tokens, d.Token())
	}
	info, err := caddy.GetModule("tollgate.keys." + name)
	if err != nil || name == "file" {
		return nil, fmt.Errorf("unknown store of usage '%s': write off, sqlite <path> or postgres <address>", name)
	}
	module := info.New()
	if err := module.(caddyfile.Unmarshaler).UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		return nil, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "keys "+name, "usage "+name))
	}
	return caddyconfig.JSONModuleObject(module, "store", name, nil), nil
}

// daysOfMonth is the longest month: nothing goes sooner than was said.
const daysOfMonth = 31

// parseDays reads days, such as 90d, or months, such as 25mo.
func parseDays(text string) (int64, error) {
	number, unit := strings.CutSuffix(text, "mo")
	days := int64(daysOfMonth)
	if !unit {
		number, unit = strings.CutSuffix(text, "d")
		days = 1
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || !unit || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("'%s' is not a time: write days or months above 0, such as 90d or 25mo", text)
	}
	return n * days, nil
}

// keep is for how long the ledger is kept, with the defaults for what is not said.
func (u *Usage) keep() usage.Keep {
	keep := usage.DefaultKeep
	if u.KeepDays != 0 {
		keep.Hours = 24 * u.KeepDays
	}
	if u.Days != 0 {
		keep.Days = u.Days
	}
	return keep
}

// check refuses a time that could not be kept.
func (u *Usage) check() error {
	if keep := u.keep(); keep.Hours < 0 || keep.Days < 0 || keep.Hours > 24*keep.Days {
		return fmt.Errorf("keep is %dd and days %dd: write times above 0, and keep no longer than days", keep.Hours/24, keep.Days)
	}
	return nil
}
