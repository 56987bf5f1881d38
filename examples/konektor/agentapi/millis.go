package agentapi

import "time"

// millis is an instant in Unix milliseconds, the precision in which times are stored. In JSON it is RFC 3339 in UTC.
type millis int64

const millisLayout = "2006-01-02T15:04:05.000Z"

func millisOf(t time.Time) millis { return millis(t.UnixMilli()) }

// MarshalJSON implements json.Marshaler.
func (m millis) MarshalJSON() ([]byte, error) {
	return time.UnixMilli(int64(m)).UTC().AppendFormat(nil, `"`+millisLayout+`"`), nil
}
