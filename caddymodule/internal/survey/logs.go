package survey

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// logging is what Caddy's logs are, as far as an audit asks.
type logging struct {
	Logs map[string]*logWriter `json:"logs"`
}

type logWriter struct {
	Level  string `json:"level"`
	Writer struct {
		Output string `json:"output"`
	} `json:"writer"`
	Encoder struct {
		Format string                     `json:"format"`
		Fields map[string]json.RawMessage `json:"fields"`
	} `json:"encoder"`
	Include []string `json:"include"`
	Exclude []string `json:"exclude"`
}

const accessLogger = "http.log.access"

// accessWriters are the logs that lines about a server's requests go to, by their names.
func (l *logging) accessWriters(server *caddyhttp.ServerLogConfig) map[string]*logWriter {
	loggers := map[string]bool{}
	name := func(n string) {
		if n == "" {
			loggers[accessLogger] = true
		} else {
			loggers[accessLogger+"."+n] = true
		}
	}
	name(server.DefaultLoggerName)
	for _, names := range server.LoggerNames {
		for _, n := range names {
			name(n)
		}
	}
	found := map[string]*logWriter{}
	for writer, w := range l.all() {
		for logger := range loggers {
			if w != nil && w.takes(logger) && w.Writer.Output != "discard" {
				found[writer] = w
			}
		}
	}
	return found
}

// all are the logs, Caddy's default one among them.
func (l *logging) all() map[string]*logWriter {
	all := map[string]*logWriter{"default": {}}
	if l != nil {
		maps.Copy(all, l.Logs)
	}
	return all
}

// takes reports whether a logger's lines come to the log: the longer of two prefixes wins.
func (w *logWriter) takes(logger string) bool {
	longest := func(list []string) int {
		best := -1
		for _, prefix := range list {
			if prefix == "" || logger == prefix || strings.HasPrefix(logger, prefix+".") {
				best = max(best, len(prefix))
			}
		}
		return best
	}
	in, out := longest(w.Include), longest(w.Exclude)
	if len(w.Include) > 0 && in < 0 {
		return false
	}
	return in > out || out < 0
}

// shows reports whether a field such as "request>uri" is written as it came. Formats that are not known are not blamed.
func (w *logWriter) shows(field string) bool {
	switch w.Encoder.Format {
	case "", "json", "console":
		return true
	case "filter":
		for at := field; ; {
			for name := range w.Encoder.Fields {
				if strings.EqualFold(name, at) { // names of headers are of any letter case
					return false
				}
			}
			cut := strings.LastIndexByte(at, '>')
			if cut < 0 {
				return true
			}
			at = at[:cut]
		}
	}
	return false
}

// showing are the names of the logs that show a field.
func showing(writers map[string]*logWriter, field string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(writers)) {
		if writers[name].shows(field) {
			names = append(names, "log "+name)
		}
	}
	return names
}
