package agentapi

// What seeded workspaces are made of. Names, addresses and numbers are invented; domains and numbers are reserved ones
// (RFC 2606) or of no subscriber (555 0100 to 0199 in every area of North America).
var (
	seedFirstNames = []string{"Ana", "Bruno", "Camila", "Diego", "Elisa", "Felipe", "Greta", "Hannah", "Igor", "Julia", "Kwame",
		"Larissa", "Mateus", "Nadia", "Otávio", "Priya", "Rafael", "Sofia", "Tomás", "Ursula", "Vítor", "Wei", "Yara", "Zoë"}
	seedLastNames = []string{"Almeida", "Barros", "Carvalho", "D'Angelo", "Eriksson", "Ferreira", "Gonçalves", "Hoffmann", "Ibrahim",
		"Jansen", "Kovács", "Lima", "Moreira", "Nakamura", "O'Brien", "Pereira", "Quintana", "Ribeiro", "Schneider", "Teixeira"}
	seedAreaCodes = []string{"212", "305", "415", "617", "702", "808"}
	seedNotes     = []string{"Asked for a quote for the yearly plan.", "Prefers to be called in the afternoon.",
		"Met at the trade fair, wants a demo for the whole team.", "Compares us with two others; price matters less than support.",
		"Came back after three months, budget is approved now."}
	seedErrors = []string{"The click id has expired", "The access token was refused", "The platform answered 503"}

	// seedSettings take turns over the seeded workspaces, chosen by their id.
	seedSettings = []settings{
		{Timezone: "America/Sao_Paulo", Currency: "BRL", Language: "pt-BR", DateFormat: "DD/MM/YYYY", plan: "pro"},
		{Timezone: "Europe/Berlin", Currency: "EUR", Language: "de-DE", DateFormat: "DD.MM.YYYY", plan: "starter"},
		{Timezone: "America/New_York", Currency: "USD", Language: "en-US", DateFormat: "MM/DD/YYYY", plan: "enterprise"},
	}
	seedCampaigns = []struct {
		platform, name string
		spend          float64 // a day, about
	}{
		{"meta", "Autumn lookalike", 84}, {"meta", "Retargeting 30 days", 32}, {"google", "Brand search", 55},
		{"google", "Competitor search", 71}, {"tiktok", "Creator clips", 46}, {"linkedin", "Decision makers", 120},
	}
	// seedStatuses and their weights make a funnel that narrows.
	seedStatuses = []struct {
		status string
		weight int
	}{
		{"pageview", 8}, {"new", 24}, {"contacted", 18}, {"responded", 13}, {"qualified", 11}, {"hot", 7},
		{"proposal", 7}, {"negotiation", 5}, {"invoice", 3}, {"won", 12}, {"lost", 12},
	}
)
