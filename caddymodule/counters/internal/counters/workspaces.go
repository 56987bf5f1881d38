// Package counters is what the modules that count have in common: the option max_workspaces.
package counters

import (
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/tollgate-gateway/tollgate/caddymodule/limits"
)

// MaxWorkspaces reads the value of the option.
func MaxWorkspaces(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > limits.MostWorkspaces {
		return 0, fmt.Errorf("'%s' is not a whole number from 1 to %d", value, limits.MostWorkspaces)
	}
	return n, nil
}

// Full says in the log that the option is too small. The logger may be nil.
func Full(logger *zap.Logger, maxWorkspaces int64) {
	if logger != nil {
		logger.Error("no further workspace can be counted, its requests get 503: raise max_workspaces of counters",
			zap.Int64("max_workspaces", maxWorkspaces))
	}
}
