package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/internal/config"
	"github.com/tollgate-gateway/tollgate/caddymodule/internal/output"
	"github.com/tollgate-gateway/tollgate/caddymodule/keysapi"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// setting is something of a key that key set changes: by one flag to a value, by the other to none.
type setting struct {
	field, flag, clear string
	help               string
	put                func(to, from *record.Key)
	show               func(*record.Key) string
	value              func(*keysapi.View) any
}

var keySettings = []setting{
	{"name", "name", "no-name", "the key has no name any more",
		func(to, from *record.Key) { to.Name = from.Name },
		func(k *record.Key) string { return output.Dash(k.Name) }, func(v *keysapi.View) any { return v.Name }},
	{"scopes", "scope", "no-scopes", "the key may only use routes that need no scope",
		func(to, from *record.Key) { to.Scopes = from.Scopes },
		func(k *record.Key) string { return output.Words(k.Scopes) }, func(v *keysapi.View) any { return v.Scopes }},
	{"allowed_ips", "allow-ip", "no-allow-ip", "the key may be used from anywhere",
		func(to, from *record.Key) { to.AllowedIPs = from.AllowedIPs },
		func(k *record.Key) string { return anywhere(k) }, func(v *keysapi.View) any { return v.AllowedIPs }},
	{"limits", "limit", "no-limits", "the key has no limits of its own any more",
		func(to, from *record.Key) { to.Limits = from.Limits },
		func(k *record.Key) string { return output.Words(k.Limits) }, func(v *keysapi.View) any { return v.Limits }},
	{"expires_at", "expires", "no-expiry", "the key never ends",
		func(to, from *record.Key) { to.ExpiresAt = from.ExpiresAt },
		func(k *record.Key) string { return output.When(k.ExpiresAt, "never") }, func(v *keysapi.View) any { return v.ExpiresAt }},
}

// setFlags are the flags of key set.
func setFlags(cmd *cobra.Command) {
	termFlags(cmd)
	for flag, usage := range map[string]string{
		"name": "new name, for people", "scope": "what the key may do from now on; may be repeated: the whole new list",
		"allow-ip": "address or network it may be used from; may be repeated: the whole new list",
		"limit":    "the key's own limit, such as 50/1m; may be repeated: the whole new list",
		"expires":  "when it ends: a duration from now such as 90d, or an RFC 3339 time",
	} {
		cmd.Flags().Lookup(flag).Usage = usage
	}
	for _, s := range keySettings {
		cmd.Flags().Bool(s.clear, false, s.help)
	}
}

// chosen are the settings that were written, each given or cleared.
func (i *invocation) chosen() ([]setting, error) {
	var chosen []setting
	for _, s := range keySettings {
		cleared, _ := i.cmd.Flags().GetBool(s.clear)
		switch {
		case i.given(s.clear) && !cleared:
			return nil, fmt.Errorf("--%s=false says nothing: leave it out", s.clear)
		case cleared && i.given(s.flag):
			return nil, fmt.Errorf("--%s and --%s contradict each other: write one of them", s.flag, s.clear)
		case cleared || i.given(s.flag):
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("nothing to change: write --name, --scope, --allow-ip, --limit or --expires, or --no-name, --no-scopes, --no-allow-ip, --no-limits or --no-expiry")
	}
	return chosen, nil
}

// setKey changes what is given of a key, and leaves the rest.
func setKey(i *invocation) error {
	c, app, err := i.gateway()
	if err != nil {
		return err
	}
	chosen, err := i.chosen()
	if err != nil {
		return err
	}
	given, err := i.terms()
	if err != nil {
		return err
	}
	i.warnOfScopes(c, given.Scopes)
	return i.write(app, false, func(s *config.Store, act keystore.Act) (done, error) {
		id, err := s.KeyID(i, i.args[0])
		if err != nil {
			return done{}, err
		}
		var before record.Key
		key, err := s.UpdateKey(i, act, id, func(k *record.Key) error {
			before = *k
			for _, one := range chosen {
				one.put(k, &given)
			}
			return nil
		})
		if err != nil {
			return done{}, err
		}
		differing := differences(&before, &key.Key)
		return done{
			nothing:   len(differing) == 0,
			committed: fmt.Sprintf("key %s was changed", id),
			print:     func() error { return i.printChanged(&before, key, differing) },
		}, nil
	})
}

// differences are the settings that a change has altered.
func differences(before, after *record.Key) (differing []setting) {
	for _, s := range keySettings {
		if s.show(before) != s.show(after) {
			differing = append(differing, s)
		}
	}
	return differing
}

// changedView is a key as --json gives it when it was changed a moment ago.
type changedView struct {
	*keysapi.View
	// Changed are the old and the new values of what differs, by name.
	Changed map[string]change `json:"changed"`
}

type change struct {
	Old any `json:"old"`
	New any `json:"new"`
}

// printChanged shows what was changed, the old value before the new.
func (i *invocation) printChanged(before *record.Key, after *keystore.Key, differing []setting) error {
	old, view := keysapi.NewView(&keystore.Key{Key: *before}, time.Now()), keysapi.NewView(after, time.Now())
	if i.json() {
		changed := map[string]change{}
		for _, s := range differing {
			changed[s.field] = change{s.value(old), s.value(view)}
		}
		return output.JSON(i.out(), changedView{view, changed})
	}
	if len(differing) == 0 {
		return i.printKey(after)
	}
	pairs := []string{"key", after.ID}
	for _, s := range differing {
		pairs = append(pairs, s.field, s.show(before)+" -> "+s.show(&after.Key))
	}
	return output.Fields(i.out(), pairs...)
}
