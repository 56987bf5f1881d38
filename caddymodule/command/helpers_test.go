package command_test

import "flag"

var update = flag.Bool("update", false, "write the golden files anew")

// globalOption is a Caddyfile with one line in the global block.
func globalOption(line string) string { return "{\n\ttollgate {\n\t\t" + line + "\n\t}\n}\n" }
