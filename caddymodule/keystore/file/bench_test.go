package file_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate-gateway/tollgate/caddymodule/keystore/file"
)

// manyKeys is a keys file of so many keys, each with the name and the scopes that keys usually have.
func manyKeys(n int) string {
	var text strings.Builder
	text.WriteString("workspaces:\n")
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&text, "  - id: ws_%d\n    plan: pro\n    metadata: {region: eu}\n    keys:\n", i/10)
		}
		fmt.Fprintf(&text, "      - id: key_%d\n        name: CRM agent %d\n        sha256: %x\n        scopes: [agent.leads.read, agent.files.*]\n",
			i, i, sha256.Sum256(fmt.Appendf(nil, "secret %d", i)))
	}
	return text.String()
}

func BenchmarkParse(b *testing.B) {
	text := []byte(manyKeys(50_000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := file.Parse("keys.yaml", text); err != nil {
			b.Fatal(err)
		}
	}
}
