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

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
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

// errReply is the error of a reply that the script cannot have given.
var errReply = errors.New("redis gave a reply that is not the script's")

// call is the script's command about one batch. Its arguments point into it, so that a call is used again without
// allocating: a link keeps the calls of its last pipeline.
type call struct {
	batch   *batch
	command *goredis.IntSliceCmd
	args    []any
	whole   bool // the script goes along
	keys    [limits.MaxWindows]key
	cost, n int64
	windows [limits.MaxWindows]told

	// What it came to, of whoever sent it:
	answer *reply
	err    error
	sentOn bool // its batch was sent to another node, or put off
	ofSlot bool // err is about the slot of the workspace, not about the node
}

// told is what the script is told of one window; take.lua says what each number means.
type told struct{ limit, duration, seen, seenEnd, known, owed, recalled int64 }

// whole is a limit that nothing reaches: of windows that refuse nothing.
const whole = 1 << 53

// key is the name of a counter, which go-redis asks for when it writes the command.
type key struct {
	prefix, workspace, suffix string
	window                    *record.Window
	name                      []byte
}

// MarshalBinary gives the name. The bytes hold until the next call.
func (k *key) MarshalBinary() ([]byte, error) {
	k.name = append(k.name[:0], k.prefix...)
	k.name = append(k.name, k.workspace...)
	k.name = append(k.name, k.suffix...)
	if k.window.Period != 0 {
		k.name = append(k.name, k.window.Period.String()...)
		return k.name, nil
	}
	if k.window.Key != "" {
		k.name = append(append(append(k.name, keySuffix...), k.window.Key...), ':')
	}
	k.name = strconv.AppendInt(k.name, int64(k.window.Duration/time.Second), 10)
	return k.name, nil
}

// newCall gives a call about so many windows.
func newCall(windows int) *call {
	c := &call{}
	c.args = append(c.args, byHash[0], byHash[1], windows)
	for i := range windows {
		c.args = append(c.args, &c.keys[i])
	}
	c.args = append(c.args, &c.cost, &c.n)
	for i := range windows {
		w := &c.windows[i]
		c.args = append(c.args, &w.limit, &w.duration, &w.seen, &w.seenEnd, &w.known, &w.owed, &w.recalled)
	}
	c.command = goredis.NewIntSliceCmd(context.Background(), c.args...)
	return c
}

// prepare makes the call one about the batch, which is sent now. The batch's stripe is locked.
func (c *call) prepare(b *batch, prefix string, now int64) {
	c.batch, c.cost, c.n = b, b.cost, b.n
	if b.cost == peekCost {
		c.cost, c.n = 1, 0
	}
	for i := range b.windows {
		limit := &b.windows[i]
		c.keys[i].prefix, c.keys[i].workspace, c.keys[i].suffix, c.keys[i].window = prefix, b.workspace, b.suffix, limit
		c.windows[i] = told{limit: limit.Limit, duration: int64(limit.Duration / time.Second)}
		t := &c.windows[i]
		if limit.Period != 0 {
			t.duration = -int64(limit.Period)
		}
		if limit.Over {
			t.limit = whole
		}
		if w := b.account.window(limit); w != nil {
			w.tell(t, now)
			if b.recalled {
				t.recalled = w.recalled
			}
		}
	}
	c.ready(false)
}

// ready lets the call be sent, with the whole script or with its hash.
func (c *call) ready(whole bool) {
	c.whole = whole
	c.args[0], c.args[1] = byHash[0], byHash[1]
	if whole {
		c.args[0], c.args[1] = "eval", takeScript
	}
	c.command.SetErr(nil)
	c.command.SetVal(nil)
}

// byHash begins a call that names the script.
var byHash = [...]any{"evalsha", takeHash}

// plain reports whether the call names the script by its hash, and nothing goes before it.
func (c *call) plain() bool { return !c.whole && !c.batch.asking }

// append appends a plain call as it is sent.
func (c *call) append(to []byte) []byte {
	n := len(c.batch.windows)
	to = append(to, heads[n]...)
	for i := range n {
		name, _ := c.keys[i].MarshalBinary()
		to = appendBulk(to, name)
	}
	to = appendNumber(appendNumber(to, c.cost), c.n)
	for i := range n {
		w := &c.windows[i]
		for _, number := range [...]int64{w.limit, w.duration, w.seen, w.seenEnd, w.known, w.owed, w.recalled} {
			to = appendNumber(to, number)
		}
	}
	return to
}

// heads are the beginnings of plain calls, by the number of windows.
var heads = func() (heads [limits.MaxWindows + 1][]byte) {
	for n := range heads {
		arguments := 3 + n + 2 + 7*n
		head := append(strconv.AppendInt([]byte{'*'}, int64(arguments), 10), crlf...)
		heads[n] = appendNumber(appendBulk(appendBulk(head, []byte("evalsha")), []byte(takeHash)), int64(n))
	}
	return heads
}()

// reply gives what the script said in a flight. A reply that is whole counts, even where the connection broke after it.
func (c *call) reply(f *flight) (*reply, error) {
	values, err := c.command.Val(), c.command.Err()
	whole := len(values) == 2+2*len(c.batch.windows) && values[len(values)-1] > 0
	switch {
	case whole:
		return c.batch.hear(values, f.sentAt, f.heardAt), nil
	case err != nil:
		return nil, err
	case f.said != nil:
		return nil, f.said // the command was never sent
	}
	return nil, errReply
}

// reply is what the script returned: granted, count and end of each window, Redis' time in ms.
type reply struct {
	values          []int64
	sentAt, heardAt int64 // instants on the engine's clock
	// skew is Redis' time less the engine's, in ms, as little and as much as it can be: Redis took its time after the call
	// was sent and before the reply was heard.
	skew, skewMax int64
}

// maxReply is how many numbers a reply has at most.
const maxReply = 2 + 2*limits.MaxWindows

// hear keeps a reply in the batch, which has one at most.
func (b *batch) hear(values []int64, sentAt, heardAt int64) *reply {
	r := &b.answer
	*r = reply{values: values, sentAt: sentAt, heardAt: heardAt}
	r.skew = r.unixMilli() - heardAt/int64(time.Millisecond) - 1
	r.skewMax = r.unixMilli() - sentAt/int64(time.Millisecond) + 1
	return r
}

func (r *reply) granted() int64 { return r.values[0] }

// unknown reports that the script took nothing, because Redis does not know what was used of a quota, and the past was not
// looked up for this call.
func (r *reply) unknown() bool { return r.values[0] < 0 }

func (r *reply) unixMilli() int64 { return r.values[len(r.values)-1] }

// window is the count and the end of the i-th window; the end is 0 where none runs.
func (r *reply) window(i int) (count, reset int64) { return r.values[1+2*i], r.values[2+2*i] }

// instants are when a window ends on the engine's monotonic clock, at the earliest and at the latest. By the earliest
// nobody is refused who would be granted.
func (r *reply) instants(reset int64) (earliest, latest int64) {
	left := (reset*1000 - early - r.unixMilli()) * int64(time.Millisecond)
	return r.sentAt + left, r.heardAt + left
}
