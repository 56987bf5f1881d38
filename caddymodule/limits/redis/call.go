package redis

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/tollgate-gateway/tollgate/caddymodule/record"
)

//go:embed take.lua
var takeScript string

// takeHash is how Redis knows the script once it has seen it.
var takeHash = func() string {
	sum := sha1.Sum([]byte(takeScript))
	return hex.EncodeToString(sum[:])
}()

// early is by how many ms a key ends before its window; take.lua says why.
const early = 2

// errReply is a reply that the script cannot have given.
var errReply = errors.New("redis gave a reply that is not the script's")

// reply is what the script returned: granted, Redis' time in ms, then count and end of each window.
type reply struct {
	values []int64
	sentAt int64 // when the call began, on the engine's clock
	skew   int64 // Redis' time less the engine's, in ms. Redis took its time before the call ended: never ahead of what it is
}

func (r *reply) granted() int64   { return r.values[0] }
func (r *reply) unixMilli() int64 { return r.values[1] }

// window is the count and the end of the i-th window; the end is 0 where none runs.
func (r *reply) window(i int) (count, reset int64) { return r.values[2+2*i], r.values[3+2*i] }

// instant is when a window ends on the engine's monotonic clock. Redis took its time after the call began, so that this
// is early by up to a round trip and never late: nobody is refused who would be granted.
func (r *reply) instant(reset int64) int64 {
	return r.sentAt + (reset*1000-early-r.unixMilli())*int64(time.Millisecond)
}

// takeCmd is the script's call. It is never sent twice: a lost reply does not mean that nothing was taken.
type takeCmd struct{ *goredis.Cmd }

// NoRetry forbids go-redis' cluster client what MaxRetries forbids the others.
func (takeCmd) NoRetry() bool { return true }

// call runs the script for n requests of one cost. The names of the windows' keys begin with key.
func (e *Engine) call(ctx context.Context, key string, windows []record.Window, seen []window, cost, n int64) (*reply, error) {
	args := make([]any, 0, 5+5*len(windows))
	args = append(args, "evalsha", takeHash, len(windows))
	for _, w := range windows {
		args = append(args, key+strconv.FormatInt(int64(w.Duration/time.Second), 10))
	}
	args = append(args, cost, n)
	for i, w := range windows {
		args = append(args, w.Limit, int64(w.Duration/time.Second), seen[i].seen, seen[i].reset)
	}

	client, began := *e.client.Load(), e.now()
	cmd := takeCmd{goredis.NewCmd(ctx, args...)}
	err := client.Process(ctx, cmd)
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		args[0], args[1] = "eval", takeScript
		cmd = takeCmd{goredis.NewCmd(ctx, args...)}
		err = client.Process(ctx, cmd)
	}
	var values []int64
	if err == nil {
		values, err = cmd.Int64Slice()
	}
	if err == nil && len(values) != 2+2*len(windows) {
		err = errReply
	}
	if err != nil {
		return nil, err
	}
	r := &reply{values: values, sentAt: began, skew: values[1] - e.now()/int64(time.Millisecond) - 1}
	e.skew.Store(r.skew)
	return r, nil
}
