package services

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// clockSource is a library that is loaded before a redis-server: the time of day is off by the seconds that stand in a file.
const clockSource = `
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long long *offset;

__attribute__((constructor)) static void open_offset(void) {
	int fd = open(getenv("TEST_CLOCK_OFFSET"), O_RDONLY);
	offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
	struct timespec now;
	(void)tz;
	clock_gettime(CLOCK_REALTIME, &now);
	tv->tv_sec = now.tv_sec + *offset;
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}
`

// RedisWithClock starts a redis-server whose clock can be set: set says by how many whole seconds it is ahead of the true
// time from now on. It needs gcc.
func RedisWithClock(t testing.TB) (server *RedisServer, set func(ahead time.Duration)) {
	t.Helper()
	dir := t.TempDir()
	source, library, offset := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so"), filepath.Join(dir, "offset")
	set = func(ahead time.Duration) {
		// In place: the server has mapped the file.
		file, err := os.OpenFile(offset, os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second)), 0)
			_ = file.Close() // nothing is buffered
		}
		if err != nil {
			t.Fatalf("setting the clock: %v", err)
		}
	}
	set(0)
	if err := os.WriteFile(source, []byte(clockSource), 0o600); err != nil {
		t.Fatalf("writing the clock's source: %v", err)
	}
	if out, err := exec.Command(Binary(t, "gcc"), "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("compiling the clock: %v: %s", err, out)
	}
	port := FreePort(t)
	env := []string{"LD_PRELOAD=" + library, "TEST_CLOCK_OFFSET=" + offset}
	return start(t, goredis.Options{Addr: Address(port)}, env, append(ephemeral(t), "--port", strconv.Itoa(port))), set
}
