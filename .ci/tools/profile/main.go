// Command profile merges the CPU profiles that `cmd/bench --profiles` writes into the one that the image is built by, and leaves out
// of it where the sources and the program lay:
//
//	go run ./profile ../../cmd/tollgate/requests.pgo FOLDER/*.pprof
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("write the file to be made, and the profiles that it is made of")
	}
	var all []*profile.Profile
	for _, path := range args[1:] {
		one, err := read(path)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	merged, err := profile.Merge(all)
	if err != nil {
		return err
	}
	file, err := os.Create(args[0])
	if err != nil {
		return err
	}
	if err := merged.Write(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// read reads a profile without the paths in it: the compiler goes by the names of functions and the numbers of lines.
func read(path string) (*profile.Profile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	one, err := profile.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	one.Mapping, one.Comments = nil, nil
	for _, location := range one.Location {
		location.Mapping, location.Address = nil, 0
	}
	for _, function := range one.Function {
		function.Filename = ""
	}
	return one, one.CheckValid()
}
