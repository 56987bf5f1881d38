package agentapi

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
)

const (
	seedLeads = 120
	seedDays  = 120
	// seedFirstCode is the number in the first lead's unique code.
	seedFirstCode = 1001
)

// seeder makes the data of one workspace: the same for the same id and clock.
type seeder struct {
	store     *store
	tx        *sql.Tx
	workspace string
	now       time.Time
	random    *rand.Rand
	chosen    settings
	agents    []string
}

// seed fills a workspace that has neither settings nor leads yet, all or nothing.
func (s *store) seed(ctx context.Context, workspace string, now time.Time) error {
	if !idForm.MatchString(workspace) {
		return errors.New("an id is letters, digits and . _ -, at most 64")
	}
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var used bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM workspaces WHERE id = ?1)
			OR EXISTS (SELECT 1 FROM leads WHERE workspace = ?1)`, workspace).Scan(&used); err != nil || used {
			return err
		}
		sum := sha256.Sum256([]byte(workspace))
		random := rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
		d := &seeder{store: s, tx: tx, workspace: workspace, now: now, random: random,
			chosen: seedSettings[int(sum[16])%len(seedSettings)]}
		d.agents = []string{d.uuid(), d.uuid(), d.uuid()}
		for _, step := range []func(context.Context) error{d.settings, d.leads, d.campaignDays, d.syncConversions} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *seeder) uuid() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], d.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], d.random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, RFC 9562
	return id.String()
}

func pick[T any](d *seeder, from []T) T { return from[d.random.IntN(len(from))] }

// maybe gives the value in so many of a hundred cases.
func maybe[T any](d *seeder, percent int, value T) *T {
	if d.random.IntN(100) >= percent {
		return nil
	}
	return &value
}

func (d *seeder) settings(ctx context.Context) error {
	_, err := d.tx.ExecContext(ctx, `INSERT INTO workspaces (id, display_name, timezone, currency, language, date_format, tracking_code, plan)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, d.workspace, displayName(d.workspace), d.chosen.Timezone, d.chosen.Currency,
		d.chosen.Language, d.chosen.DateFormat, trackingCode(d.workspace), d.chosen.plan)
	return err
}

// displayName makes "Acme North" of "ws_acme_north".
func displayName(workspace string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(workspace, "ws_"), func(r rune) bool { return strings.ContainsRune("._-", r) })
	if len(words) == 0 {
		return workspace
	}
	for i, word := range words {
		words[i] = string(unicode.ToUpper(rune(word[0]))) + word[1:]
	}
	return strings.Join(words, " ")
}

// leads come in over the last months, the newest an hour ago.
func (d *seeder) leads(ctx context.Context) error {
	step := seedDays * 24 * time.Hour / seedLeads
	for i := range seedLeads {
		age := time.Duration(seedLeads-1-i)*step + time.Hour
		if err := d.store.putLead(ctx, d.tx, d.workspace, d.lead(i, d.now.Add(-age))); err != nil {
			return err
		}
	}
	return nil
}

func (d *seeder) lead(i int, created time.Time) *lead {
	first, last := pick(d, seedFirstNames), pick(d, seedLastNames)
	code := "CRM-" + strconv.Itoa(seedFirstCode+i)
	local := strings.ToLower(strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || r == '\'' {
			return -1
		}
		return r
	}, first+"."+last))
	updated := created.Add(time.Duration(d.random.Int64N(int64(d.now.Sub(created)) + 1)))
	l := &lead{
		ID: d.uuid(), UniqueCode: &code, ExternalRef: maybe(d, 40, "hub-"+strconv.Itoa(50_000+i*7)),
		person: person{FirstName: first, LastName: &last,
			Email: maybe(d, 90, fmt.Sprintf("%s.%d@example.com", local, i)),
			Phone: maybe(d, 80, fmt.Sprintf("+1 %s 555 01%02d", pick(d, seedAreaCodes), d.random.IntN(100)))},
		Status: d.status(), Priority: pick(d, priorities), Source: pick(d, leadSources), Score: d.random.IntN(101),
		Notes: maybe(d, 35, pick(d, seedNotes)), AssignedTo: maybe(d, 70, pick(d, d.agents)),
		EstimatedValue: maybe(d, 85, float64(500+50*d.random.IntN(400))),
		CreatedAt:      millisOf(created), UpdatedAt: millisOf(updated),
	}
	if d.random.IntN(100) < 60 {
		from := pick(d, seedCampaigns)
		l.Source, l.AdPlatform, l.Campaign = "ads", &from.platform, &from.name
	}
	if l.Status == statusWon && l.EstimatedValue != nil {
		l.ActualValue = maybe(d, 90, *l.EstimatedValue*0.9)
	}
	return l
}

func (d *seeder) status() string {
	n := d.random.IntN(seedLeads)
	for _, s := range seedStatuses {
		if n -= s.weight; n < 0 {
			return s.status
		}
	}
	return statusNew
}

func (d *seeder) campaignDays(ctx context.Context) error {
	location, err := time.LoadLocation(d.chosen.Timezone)
	if err != nil {
		return err
	}
	now := d.now.In(location)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, location)
	var days [][]any
	for _, c := range seedCampaigns {
		for day := range seedDays {
			spend := round(c.spend*(0.6+0.8*d.random.Float64()), 2)
			clicks := int(spend / 1.4)
			start := millisOf(today.AddDate(0, 0, -day))
			days = append(days, []any{c.platform, c.name, int64(start), spend, clicks * 37, clicks})
		}
	}
	rows, err := json.Marshal(days)
	if err != nil {
		return err
	}
	_, err = d.tx.ExecContext(ctx, `INSERT INTO campaign_days (workspace, platform, campaign, day, spend, impressions, clicks)
		SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?)`, d.workspace, string(rows))
	return err
}

// syncConversions lets most of the queued conversions have been reported, and some have failed.
func (d *seeder) syncConversions(ctx context.Context) error {
	var leads []string
	err := each(ctx, d.tx, "SELECT lead_id FROM conversions WHERE workspace = ? ORDER BY created_at, lead_id", []any{d.workspace},
		func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			leads = append(leads, id)
			return err
		})
	if err != nil {
		return err
	}
	for i, id := range leads {
		state, failure := syncStates[i%len(syncStates)], (*string)(nil)
		switch state {
		case "pending":
			continue
		case "failed":
			why := pick(d, seedErrors)
			failure = &why
		}
		_, err := d.tx.ExecContext(ctx, "UPDATE conversions SET state = ?, attempts = 1, last_error = ? WHERE workspace = ? AND lead_id = ?",
			state, failure, d.workspace, id)
		if err != nil {
			return err
		}
	}
	return nil
}
