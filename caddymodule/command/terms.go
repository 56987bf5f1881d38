package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate-gateway/tollgate/caddymodule/apikey"
	"github.com/tollgate-gateway/tollgate/caddymodule/keystore"
	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

// grants are the flags that say what a new key may do.
func grants(cmd *cobra.Command) {
	cmd.Flags().String("workspace", "", "workspace whose key it is")
	_ = cmd.MarkFlagRequired("workspace") // fails only for flags that do not exist
	termFlags(cmd)
}

// termFlags are the flags that terms reads.
func termFlags(cmd *cobra.Command) {
	cmd.Flags().String("name", "", "name, for people")
	cmd.Flags().StringArray("scope", nil, "what the key may do, such as agent.leads.read or agent.*; may be repeated")
	cmd.Flags().StringArray("allow-ip", nil, "address or network it may be used from; may be repeated (default from anywhere)")
	cmd.Flags().StringArray("limit", nil, "the key's own limit, such as 50/1m, besides those of its workspace; may be repeated")
	cmd.Flags().String("expires", "", "when it ends: a duration such as 90d, or an RFC 3339 time (default never)")
}

// granted reads the flags of grants into a key without an id, and checks all of them.
func granted(i *invocation) (record.Key, error) {
	key, err := i.terms()
	if err != nil {
		return key, err
	}
	if err := record.CheckID(i.text("workspace")); err != nil {
		return key, fmt.Errorf("workspace: %w", err)
	}
	key.ID = apikey.NewID()
	return key, keystore.CheckKey(&key)
}

// terms reads what a key shall be called, may do, from where and until when, and checks each of it.
func (i *invocation) terms() (record.Key, error) {
	key := record.Key{Name: i.text("name")}
	var err error
	if i.given("name") {
		if err := record.CheckName(key.Name); err != nil {
			return key, err
		}
	}
	for _, scope := range i.list("scope") {
		if several := strings.Split(scope, ","); len(several) > 1 {
			return key, fmt.Errorf("--scope %q holds a comma: repeat the flag, as in --scope %s --scope %s", scope, several[0], several[1])
		}
	}
	if key.Scopes, err = record.ParseScopes(i.list("scope")); err != nil {
		return key, err
	}
	if key.AllowedIPs, err = record.ParseNetworks(i.list("allow-ip")); err != nil {
		return key, err
	}
	if key.Limits, err = record.ParseKeyWindows(i.list("limit")); err != nil {
		return key, err
	}
	now := time.Now()
	if key.ExpiresAt, err = parseExpiry(i.text("expires"), now); err != nil {
		return key, err
	}
	return key, keystore.CheckExpiry(key.ExpiresAt, now)
}

// parseExpiry reads a duration from now or an RFC 3339 time; the empty text is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := keystore.ParseTime(text); err == nil {
		return at, nil
	}
	duration, err := record.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("expiry '%s' is not valid: write a duration such as 90d, or a time such as 2027-01-31T00:00:00Z", text)
	}
	return now.Add(duration).UTC().Truncate(time.Second), nil
}
