package agentapi

import (
	"database/sql"
	"math"
	"net/http"
)

// campaign is what the ads of one campaign cost in a period and what became of the leads that they brought.
type campaign struct {
	Campaign    *string  `json:"campaign"`
	AdPlatform  string   `json:"adPlatform"`
	Leads       int      `json:"leads"`
	Qualified   int      `json:"qualified"`
	Won         int      `json:"won"`
	Revenue     float64  `json:"revenue"`
	Spend       float64  `json:"spend"`
	Impressions int      `json:"impressions"`
	Clicks      int      `json:"clicks"`
	CostPerLead *float64 `json:"costPerLead"`
	ReturnOnAds *float64 `json:"returnOnAdSpend"`
}

type campaigns struct {
	Period    period     `json:"period"`
	Currency  string     `json:"currency"`
	Campaigns []campaign `json:"campaigns"`
}

// campaignQuery adds up costs and leads by platform and campaign. Leads of a platform without a campaign are one row;
// leads of no platform are none of the campaigns' doing.
const campaignQuery = `
	SELECT campaign, platform, sum(leads), sum(qualified), sum(won), sum(revenue), sum(spend), sum(impressions), sum(clicks) FROM (
		SELECT campaign, ad_platform AS platform, 1 AS leads,
			status IN ('qualified', 'hot', 'proposal', 'negotiation', 'invoice', 'won') AS qualified, status = 'won' AS won,
			CASE status WHEN 'won' THEN coalesce(actual_value, estimated_value, 0.0) ELSE 0.0 END AS revenue,
			0.0 AS spend, 0 AS impressions, 0 AS clicks
		FROM leads WHERE workspace = ?1 AND ad_platform IS NOT NULL AND created_at BETWEEN ?2 AND ?3
		UNION ALL
		SELECT campaign, platform, 0, 0, 0, 0.0, spend, impressions, clicks
		FROM campaign_days WHERE workspace = ?1 AND day BETWEEN ?2 AND ?3
	) GROUP BY platform, campaign ORDER BY sum(spend) DESC, platform, campaign`

func (a *API) getCampaigns(r *http.Request, who identity) (*answer, error) {
	found := campaigns{Campaigns: []campaign{}}
	var err error
	var chosen settings
	found.Period, chosen, err = a.aggregate(r, who, campaignQuery, func(rows *sql.Rows) error {
		var c campaign
		err := rows.Scan(&c.Campaign, &c.AdPlatform, &c.Leads, &c.Qualified, &c.Won, &c.Revenue, &c.Spend, &c.Impressions, &c.Clicks)
		c.Revenue, c.Spend = round(c.Revenue, 2), round(c.Spend, 2)
		if c.Leads > 0 && c.Spend > 0 {
			cost := round(c.Spend/float64(c.Leads), 2)
			c.CostPerLead = &cost
		}
		if c.Spend > 0 {
			back := ratio(c.Revenue, c.Spend)
			c.ReturnOnAds = &back
		}
		found.Campaigns = append(found.Campaigns, c)
		return err
	})
	found.Currency = chosen.Currency
	return &answer{data: found}, err
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
