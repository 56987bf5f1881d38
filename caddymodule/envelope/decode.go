package envelope

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxCodings is how many layers of encoding are taken off.
const maxCodings = 2

// Decode takes the encodings off a body, as Content-Encoding names them: at most two. It reports false for a body that is longer than
// limit then, is broken or not over, or has an unknown encoding.
func Decode(codings []string, body []byte, limit int) ([]byte, bool) {
	return decode(strings.ToLower(strings.Join(codings, ",")), body, limit)
}

// decode takes the encodings off a body, the last one first. Of a body that is broken or not over, and of one longer than
// limit, it gives what comes before that, and reports false; of an unknown encoding nothing. A bomb is never unpacked
// further than limit.
func decode(coding string, body []byte, limit int) (decoded []byte, whole bool) {
	codings := strings.Split(coding, ",")
	if len(codings) > maxCodings {
		return nil, false
	}
	whole = true
	for i := len(codings) - 1; i >= 0 && len(body) > 0; i-- {
		var ok bool
		body, ok = decodeOne(strings.TrimSpace(codings[i]), body, limit)
		whole = whole && ok
	}
	return body, whole
}

func decodeOne(coding string, body []byte, limit int) (decoded []byte, whole bool) {
	switch coding {
	case "identity", "":
		return body[:min(len(body), limit)], len(body) <= limit
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(bytes.NewReader(body))
		return readAll(r, err, limit)
	case "deflate":
		// "deflate" is zlib (RFC 9110, section 8.4.1.2), but there are servers that leave its frame out.
		if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return readAll(r, nil, limit)
		}
		return readAll(flate.NewReader(bytes.NewReader(body)), nil, limit)
	case "br":
		if brotliWindow(body[0]) > maxBrotliWindow {
			return nil, false
		}
		return readAll(brotli.NewReader(bytes.NewReader(body)), nil, limit)
	case "zstd":
		return decodeZstd(body, limit)
	}
	return nil, false
}

// readAll reads what may be as long as limit.
func readAll(r io.Reader, err error, limit int) (body []byte, whole bool) {
	if err != nil {
		return nil, false
	}
	body, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	return body[:min(len(body), limit)], err == nil && len(body) <= limit
}

// maxBrotliWindow is the largest window taken, as the power of two of its size. The decoder makes room for all of it,
// however short the body; 22 is what encoders use unless told otherwise.
const maxBrotliWindow = 22

// brotliWindow reads WBITS from the first byte of a stream (RFC 7932, section 9.1).
func brotliWindow(b byte) int {
	switch {
	case b&1 == 0:
		return 16
	case b>>1&7 != 0:
		return 17 + int(b>>1&7)
	case b>>4&7 == 0:
		return 17
	case b>>4&7 == 1: // "large window" brotli, which is not HTTP's
		return 30
	}
	return 8 + int(b>>4&7)
}

// maxZstdWindow is the largest window that HTTP's zstd may use (RFC 9659, section 3), in bytes.
const maxZstdWindow = 8 << 20

// maxZstdBeginning is the largest window for the beginning of a frame, in bytes.
const maxZstdBeginning = 1 << 20

// maxZstdBlock is the largest block of a frame (RFC 8878, section 3.1.1.2.4), in bytes. A block is decoded whole.
const maxZstdBlock = 128 << 10

// decodeZstd decodes into a buffer as large as may be: it is its own window, no frame can ask for more room. A frame that
// announces more is not begun so; for its beginning a small window has to do.
func decodeZstd(body []byte, limit int) (decoded []byte, whole bool) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, false
	}
	defer r.Close()
	decoded, err = r.DecodeAll(body, make([]byte, 0, limit+maxZstdBlock))
	if len(decoded) > 0 || err == nil {
		return decoded[:min(len(decoded), limit)], err == nil && len(decoded) <= limit
	}
	beginning, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdBeginning))
	if err != nil {
		return nil, false
	}
	defer beginning.Close()
	decoded, _ = readAll(beginning, nil, limit)
	return decoded, false
}
