package services

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// RedisCluster is a Redis Cluster of three masters, each with a third of the slots, that goes on where one of them is away.
type RedisCluster struct {
	Nodes   [3]*RedisServer
	Clients [3]*goredis.Client
	IDs     [3]string
}

// Cluster starts one, and ends it with the test.
func Cluster(t testing.TB) *RedisCluster {
	t.Helper()
	ctx, c := context.Background(), &RedisCluster{}
	for i := range c.Nodes {
		c.Nodes[i] = RedisNode(t)
		c.Clients[i] = c.Nodes[i].Client()
		t.Cleanup(func() { _ = c.Clients[i].Close() })
		c.IDs[i] = c.Clients[i].ClusterMyID(ctx).Val()
		for _, err := range []error{
			c.Clients[i].ClusterAddSlotsRange(ctx, i*16384/3, (i+1)*16384/3-1).Err(),
			c.Clients[i].Do(ctx, "cluster", "set-config-epoch", i+1).Err(),
		} {
			if err != nil {
				t.Fatalf("giving a node of Redis its slots: %v", err)
			}
		}
	}
	c.Join(t, c.Nodes[1])
	c.Join(t, c.Nodes[2])
	Wait(t, "the cluster", func() bool {
		for _, client := range c.Clients {
			info := client.ClusterInfo(ctx).Val()
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_slots_ok:16384") {
				return false
			}
		}
		return true
	})
	return c
}

// RedisNode starts a node of a Cluster that knows no other one.
func RedisNode(t testing.TB) *RedisServer {
	t.Helper()
	return Redis(t, append(ClusterArgs(t), "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "60000")...)
}

// ClusterArgs are the arguments by which a server is a node of a Cluster. The nodes' own port is named too: by itself Redis
// takes the one 10,000 above the clients', which may be that of somebody's outgoing connection.
func ClusterArgs(t testing.TB) []string {
	t.Helper()
	return []string{"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-port", strconv.Itoa(FreePort(t))}
}

// Join has a node meet the others.
func (c *RedisCluster) Join(t testing.TB, node *RedisServer) {
	t.Helper()
	client := node.Client()
	defer client.Close()
	nodes := client.ClusterNodes(context.Background()).Val() // <id> <host>:<port>@<bus> myself,master …
	_, rest, _ := strings.Cut(nodes, "@")
	bus := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' })[0]
	host, port, _ := net.SplitHostPort(node.Address())
	if err := c.Clients[0].Do(context.Background(), "cluster", "meet", host, port, bus).Err(); err != nil {
		t.Fatalf("joining a node of Redis: %v", err)
	}
}

// URL is that of the cluster, for counters redis.
func (c *RedisCluster) URL() string {
	return "redis://" + c.Nodes[0].Address() + "?cluster=true&addr=" + c.Nodes[1].Address() + "&addr=" + c.Nodes[2].Address()
}

// Slot is that of a hash tag.
func (c *RedisCluster) Slot(tag string) int {
	return int(c.Clients[0].ClusterKeySlot(context.Background(), "{"+tag+"}").Val())
}

// Of gives so many hash tags whose slots a node has.
func (c *RedisCluster) Of(node, n int) (tags []string) {
	for i := 0; len(tags) < n; i++ {
		tag := fmt.Sprint("ws_", i)
		if slot := c.Slot(tag); node*16384/3 <= slot && slot < (node+1)*16384/3 {
			tags = append(tags, tag)
		}
	}
	return tags
}
