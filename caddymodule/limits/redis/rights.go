package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Rights are what a user of Redis needs to count, in the words of ACL SETUSER: the commands of the script, and those that
// bring it there. A database other than 0 and a Cluster need one more each.
func (b *Backend) Rights() string {
	rights := "~" + b.prefix + ":* +eval +evalsha +time +pttl +get +set +pexpireat"
	switch {
	case b.cluster != nil:
		rights += " +cluster|slots"
	case b.single != nil && b.single.DB != 0, b.sentinel != nil && b.sentinel.DB != 0:
		rights += " +select"
	}
	return rights
}

// Check is Ping, for the start: it also finds out whether the user of Redis lacks a command that the script comes to later
// only, or that Redis does not name when the script fails. Its errors are those of Ping.
func (e *Engine) Check(ctx context.Context) error {
	err := e.Ping(ctx)
	if err != nil && !errors.Is(err, ErrMisconfigured) {
		return err
	}
	if lacking := e.lacking(ctx, err); lacking != "" {
		return fmt.Errorf("%w: its user may not run %s: give the user %s", ErrMisconfigured, lacking, e.backend.Rights())
	}
	return err
}

// lacking names the commands that the user of Redis may not run, judged by a failure and by running each on a key of
// nobody's, which lives for a second. It is empty where there are none, or Redis says nothing of them.
func (e *Engine) lacking(ctx context.Context, failure error) string {
	ctx, cancel := context.WithTimeout(ctx, e.settings.Load().Timeout+grace)
	defer cancel()
	var lacking []string
	refuses := func(command string, err error) {
		if goredis.HasErrorPrefix(err, "NOPERM") && strings.Contains(err.Error(), "'"+command) {
			lacking = append(lacking, strings.ToUpper(command))
		}
	}
	for _, command := range []string{"select", "cluster"} { // go-redis gives them, if they are needed
		refuses(command, failure)
	}
	key := e.prefix + "}:rights"
	client := e.backend.client()
	defer client.Close()
	for _, command := range [][]any{
		{"eval", "return 1", 1, key}, {"evalsha", takeHash, 1, key, 1, 0, 1, 1, 0, 0, 0, 0, 0}, {"time"}, {"pttl", key}, {"get", key},
		{"set", key, 0, "px", time.Second.Milliseconds()}, {"pexpireat", key, time.Now().Add(time.Second).UnixMilli()},
	} {
		cmd := goredis.NewCmd(ctx, command...)
		_ = client.Process(ctx, cmd) // what else goes wrong is found, and told, by those who count
		refuses(command[0].(string), cmd.Err())
	}
	return strings.Join(lacking, ", ")
}
