package inside

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// driverForms are what drivers say, with @ where the address stands.
var driverForms = []string{
	"connect ECONNREFUSED @", "connection 3 to @ closed", "connection <monitor> to @ timed out", "connect ETIMEDOUT @", "failed to connect to server [@] on first connect",
	"Server selection timed out after 30000 ms: @", "could not connect to server: Connection refused. Is the server running on host \"@\"?", "dial tcp @: connect: refused",
	"getaddrinfo ENOTFOUND @", "querySrv ETIMEOUT _mongodb._tcp.@", "no answer from @", "@: connection refused", "@ is down", "Redis connection to @ failed - read ECONNRESET",
	"no pg_hba.conf entry for host \"@\", user \"app\"", "Lost connection to MySQL server at '@'", "NOAUTH at @", "MongoNetworkError: connection to @ lost", "pool of @ destroyed",
	"Topology: servers(@)", "primary @ stepped down", "Unable to reach @", "write to @: broken pipe", "@", "upstream @ did not answer",
}

// addresses are those of databases, as drivers write them.
var addresses = []string{
	"10.0.0.5:27017", "172.17.0.3:5432", "192.168.1.20:6379", "203.0.113.77:3306", "[fe80::1ff:fe23]:27017", "[2001:db8::7]:5432", "mongo-0.mongo.svc.cluster.local:27017",
	"mongo:27017", "redis-master:6379", "db.internal:5432", "localhost:9200", "ac-7-shard-00-00.abcde.mongodb.net:27017", "leads.cxyz.eu-west-1.rds.amazonaws.com:5432",
	"mongodb://app:p4ss@10.0.0.5:27017/leads", "mongodb+srv://app@cluster0.abcde.mongodb.net", "redis://:p4ss@10.0.0.6/0", "postgres://db.example.com/leads", "ip-10-0-0-5:27017",
	"10.0.0.5", "fe80::1ff:fe23", "db.internal",
}

// before and after are texts that may stand around it, with what a caller sent in them.
var (
	before = []string{"", "[Contact] ", "[Contact]", "Error: ", "Error:", "Value for field x: ", "Não foi possível: ", "\n", "name='a:b' ", "See https://docs.example.com/a: ", "'"}
	after  = []string{"", ".", ", try again", " (see https://docs.example.com)", ". Caso o problema persista, contate o suporte.", "\n", "'", ": 7", ";Value for field x"}
)

// TestNoAddressOfADriverIsMissed: 10,000 messages of drivers, with addresses at any place.
func TestNoAddressOfADriverIsMissed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	for range 10_000 {
		said := pick(before) + strings.ReplaceAll(pick(driverForms), "@", pick(addresses)) + pick(after)
		require.True(t, Tells(said), said)
	}
}

// FuzzTells: an address with a port is found whatever stands around it.
func FuzzTells(f *testing.F) {
	for _, s := range append(inner, outer...) {
		f.Add(s, s, uint(3))
	}
	f.Fuzz(func(t *testing.T, before, after string, which uint) {
		address := addresses[which%17]
		require.True(t, Tells(before+" "+address+" "+after), "%q", before+" "+address+" "+after)
		Tells(before + after)
	})
}

func BenchmarkTells(b *testing.B) {
	for name, s := range map[string]string{"short": outer[1], "1 KiB": strings.Repeat("Value for field phone is not valid. ", 29)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Tells(s)
			}
		})
	}
}
