package command

// examples are those of the commands that do not bring one of their own, by the words of the command.
var examples = map[string]string{
	"key create":   "key create --workspace ws_acme --name \"crm agent\" \\\n      --scope agent.leads.read --allow-ip 203.0.113.0/24 --expires 90d",
	"key set":      "key set key_4f2a --scope agent.leads.read --no-expiry",
	"key import":   "key import --workspace ws_acme --scope agent.leads.read < secrets",
	"key list":     "key list --workspace ws_acme --unused 90d",
	"key show":     "key show key_4f2a",
	"key history":  "key history key_4f2a",
	"key disable":  "key disable key_4f2a",
	"key enable":   "key enable key_4f2a",
	"key revoke":   "key revoke key_4f2a",
	"key rotate":   "key rotate key_4f2a --grace 0s",
	"key hash":     "key hash < secret",
	"key scan":     "key scan ./repository",
	"policy test":  "policy test ./policies",
	"policy check": "policy check ./policies",
	"explain":      "explain GET /leads --key-id key_4f2a --ip 203.0.113.9",
	"dashboard":    "dashboard --address localhost:2019",
	"audit":        "audit --config /etc/caddy/Caddyfile",
	"health":       "health --address localhost:2019",
	"test":         "test cases.yaml --junit report.xml",
	"version":      "version --json",
}
