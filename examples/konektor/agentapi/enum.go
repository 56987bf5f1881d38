package agentapi

// The closed lists of the API. openapi.yaml names the same values; a test compares.
var (
	// leadStatuses are in the order of the funnel; lost stands outside of it.
	leadStatuses = []string{"pageview", "new", "contacted", "responded", "qualified", "hot", "proposal", "negotiation", "invoice", "won", "lost"}
	priorities   = []string{"low", "medium", "high", "urgent"}
	leadSources  = []string{"website", "whatsapp", "phone", "email", "referral", "social", "ads", "event", "other"}
	adPlatforms  = []string{"meta", "google", "tiktok", "linkedin", "posthog", "other"}
	// syncPlatforms are the ad platforms that conversions are reported to.
	syncPlatforms = []string{"meta", "google", "tiktok"}
	syncStates    = []string{"pending", "synced", "failed"}
	timeframes    = []string{"today", "last_7_days", "last_30_days", "current_week", "current_month", "all_time"}
	sortColumns   = map[string]string{"createdAt": "created_at", "updatedAt": "updated_at"}
)

// Statuses that mean something to the code.
const (
	statusNew       = "new"
	statusQualified = "qualified"
	statusWon       = "won"
	statusLost      = "lost"
)
