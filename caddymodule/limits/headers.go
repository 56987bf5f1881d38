package limits

import (
	"net/http"
	"strconv"
	"strings"
)

// The limit headers, in the form in which net/http keeps them. On the wire letter case has no meaning.
const (
	headerLimit     = "X-Ratelimit-Limit"
	headerRemaining = "X-Ratelimit-Remaining"
	headerReset     = "X-Ratelimit-Reset"
	headerMode      = "X-Ratelimit-Mode"
	headerPolicy    = "Ratelimit-Policy"
	headerRateLimit = "Ratelimit"
)

// Headers are the values of the limit headers for one answer.
type Headers struct {
	values   []string // limit, remaining and reset of one window; the policies and the rest of each
	policies int      // where in values those end
	local    bool
}

// Headers gives the limit headers: the X-RateLimit ones of the violated, else the first window, and the
// RateLimit-Policy and RateLimit fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers), a field line for each
// window and one for the requests under way. A state without windows has none.
//
// All numbers are written into one string and all values share one slice, so that an answer costs two allocations,
// whatever the number of windows.
func (s *State) Headers() Headers { return s.HeadersIn(nil) }

// HeadersIn is Headers with room for the values, which is used where it is enough: they then cost one allocation. The room is the
// headers' from then on.
func (s *State) HeadersIn(room []string) Headers {
	if s.count == 0 {
		return Headers{}
	}
	shown := s.at(max(0, s.Violated))
	var (
		scratch [512]byte
		ends    [3 + 2*(MaxWindows+1)]int
		text    = scratch[:0]
		n       = 0
	)
	end := func() { ends[n] = len(text); n++ }
	text = strconv.AppendInt(text, shown.limit, 10)
	end()
	text = strconv.AppendInt(text, shown.remaining(), 10)
	end()
	text = strconv.AppendInt(text, shown.reset, 10)
	end()
	for i := range s.count {
		text = s.appendPolicy(text, s.at(i))
		end()
	}
	if s.concurrent > 0 {
		text = strconv.AppendInt(append(text, `"concurrent";q=`...), s.concurrent, 10)
		text = append(text, `;qu="concurrent-requests"`...)
		end()
	}
	policies := n
	for i := range s.count {
		text = s.appendRemaining(text, s.at(i))
		end()
	}
	if s.concurrent > 0 {
		text = strconv.AppendInt(append(text, `"concurrent";r=`...), s.free, 10)
		end()
	}

	all, start := string(text), 0
	values := room
	if n > len(room) {
		values = make([]string, n)
	}
	values = values[:n:n]
	for i := range values {
		values[i] = all[start:ends[i]]
		start = ends[i]
	}
	return Headers{values: values, policies: policies, local: s.Local}
}

// Set puts them into h, in place of what stands there under the same names; IsLimitHeader knows the other spellings. It
// may be called again where somebody else has written into h.
func (v *Headers) Set(h http.Header) {
	if v.values == nil {
		return
	}
	// Capped, so that an Add by somebody else copies instead of writing over the next header's value.
	h[headerLimit] = v.values[0:1:1]
	h[headerRemaining] = v.values[1:2:2]
	h[headerReset] = v.values[2:3:3]
	h[headerPolicy] = v.values[3:v.policies:v.policies]
	h[headerRateLimit] = v.values[v.policies:len(v.values):len(v.values)]
	if v.local {
		h[headerMode] = []string{"local"} // Redis is away
	}
}

// appendPolicy writes `"1m";q=60;w=60`.
func (s *State) appendPolicy(b []byte, status *status) []byte {
	b = s.appendName(b, status)
	b = append(b, ";q="...)
	b = strconv.AppendInt(b, status.limit, 10)
	b = append(b, ";w="...)
	if status.period != 0 {
		begin, end := status.period.Bounds(status.reset - 1)
		return strconv.AppendInt(b, end-begin, 10)
	}
	return strconv.AppendInt(b, int64(status.seconds), 10)
}

// appendRemaining writes `"1m";r=12;t=31`.
func (s *State) appendRemaining(b []byte, status *status) []byte {
	b = s.appendName(b, status)
	b = append(b, ";r="...)
	b = strconv.AppendInt(b, status.remaining(), 10)
	b = append(b, ";t="...)
	return strconv.AppendInt(b, s.left(status), 10)
}

// appendName writes what record.Window.Name says, or the policy's name.
func (s *State) appendName(b []byte, status *status) []byte {
	b = append(b, '"')
	switch {
	case s.Policy != "":
		b = append(b, s.Policy...)
	case status.period != 0:
		b = append(b, status.period.String()...)
	default:
		if status.own {
			b = append(b, "key-"...)
		}
		b = appendDuration(b, int64(status.seconds))
	}
	return append(b, '"')
}

// units are those of a duration's name, in seconds.
var units = [...]struct {
	seconds int64
	name    byte
}{{24 * 60 * 60, 'd'}, {60 * 60, 'h'}, {60, 'm'}, {1, 's'}}

// appendDuration writes whole seconds as record.FormatDuration does, without allocating.
func appendDuration(b []byte, s int64) []byte {
	for _, unit := range units {
		if n := s / unit.seconds; n > 0 {
			b = append(strconv.AppendInt(b, n, 10), unit.name)
			s %= unit.seconds
		}
	}
	return b
}

// IsLimitHeader reports whether name is a limit header in any spelling: letter case, hyphens, underscores and dots do
// not count, nor does net/http's prefix for trailers. The fields of the IETF draft's early versions (RateLimit-Limit,
// -Remaining, -Reset) are included: a client would take a backend's for ours.
func IsLimitHeader(name string) bool {
	name = strings.TrimPrefix(name, http.TrailerPrefix)
	var plain [len("xratelimitremaining")]byte
	n := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '-' || c == '_' || c == '.':
			continue
		case n == len(plain):
			return false
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		plain[n] = c
		n++
	}
	switch string(plain[:n]) {
	case "xratelimitlimit", "xratelimitremaining", "xratelimitreset", "xratelimitmode", "xratelimitpolicy", "xratelimit",
		"ratelimit", "ratelimitpolicy", "ratelimitlimit", "ratelimitremaining", "ratelimitreset", "ratelimitmode":
		return true
	}
	return false
}
