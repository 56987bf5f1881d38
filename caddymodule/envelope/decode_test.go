package envelope

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// encoders are the ways in which a backend may encode a body.
var encoders = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		return z
	},
	"raw deflate": func(w io.Writer) io.WriteCloser {
		z, err := flate.NewWriter(w, 9)
		if err != nil {
			panic(err)
		}
		return z
	},
}

func encoded(t testing.TB, coding string, body io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := encoders[coding](&b)
	_, err := io.Copy(z, body)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestDecode(t *testing.T) {
	for name := range encoders {
		coding := strings.TrimPrefix(name, "raw ")
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{`{"message":"no"}`, "", noise(DefaultMaxBody)} {
				raw := encoded(t, name, strings.NewReader(body))
				require.LessOrEqual(t, len(raw), DefaultMaxBody+encodedSlack)
				got, ok := decode(coding, raw, DefaultMaxBody)
				require.True(t, ok)
				require.Equal(t, body, string(got))
			}
			raw := encoded(t, name, strings.NewReader(strings.Repeat("x", 101)))
			_, ok := decode(coding, raw, 101)
			require.True(t, ok, "exactly the limit")
			got, ok := decode(coding, raw, 100)
			require.False(t, ok, "one byte more")
			require.NotEmpty(t, got, "the beginning is there")
			require.LessOrEqual(t, len(got), 100)
			_, ok = decode(coding, raw[:len(raw)/2], 1000)
			require.False(t, ok, "cut off")
			_, ok = decode(coding, []byte("\xde\xad\xbe\xef no such thing"), 1000)
			require.False(t, ok, "broken")
			twice := coding + ", " + coding
			got, ok = decode(twice, encoded(t, name, bytes.NewReader(raw)), 101)
			require.True(t, ok)
			require.Len(t, got, 101)
			_, ok = decode(twice+","+coding, raw, 101)
			require.False(t, ok, "a third layer")
		})
	}
	_, ok := decode("compress", []byte("x"), 100)
	require.False(t, ok, "unknown")
	got, ok := decode("br", nil, 100)
	require.True(t, ok, "no body at all")
	require.Empty(t, got)
}

// A bomb is unpacked as far as max_body and no further: what that takes is bounded by the decoders' windows.
func TestDecodeBombs(t *testing.T) {
	for name := range encoders {
		t.Run(name, func(t *testing.T) {
			bomb := encoded(t, name, io.LimitReader(neverEnding{}, 1<<20))
			bomb = bomb[:min(len(bomb), DefaultMaxBody)]
			before := allocated()
			_, ok := decode(strings.TrimPrefix(name, "raw "), bomb, DefaultMaxBody)
			require.False(t, ok)
			took := allocated() - before
			t.Logf("%d bytes took %d KiB", len(bomb), took>>10)
			require.Less(t, took, uint64(12<<20))
		})
	}
}

// allocated is how many bytes were allocated since the start, freed or not.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestBrotliWindow(t *testing.T) {
	for window := 10; window <= 24; window++ {
		var b bytes.Buffer
		z := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: 5, LGWin: window})
		_, err := io.WriteString(z, strings.Repeat("x", 100))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.Equal(t, window, brotliWindow(b.Bytes()[0]))
		_, ok := decode("br", b.Bytes(), 100)
		require.Equal(t, window <= 22, ok)
	}
	require.Equal(t, 30, brotliWindow(0x11))
}

func FuzzDecode(f *testing.F) {
	for name := range encoders {
		f.Add(strings.TrimPrefix(name, "raw "), encoded(f, name, strings.NewReader(`{"message":"no"}`)))
	}
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		got, ok := decode(coding, body, 1000)
		if ok {
			require.LessOrEqual(t, len(got), max(1000, len(body)))
		}
	})
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }
