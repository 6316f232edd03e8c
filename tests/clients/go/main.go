// What grpc-go and connect-go see of a server of tests/support/conformance.proto.
//
// Give it the server's address, and perhaps how the names begin of the checks to make. It prints a line for each, and
// fails if one of them does.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

type check struct {
	name string
	run  func() error
}

func main() {
	address := os.Args[1]
	checks := append(grpcChecks(address), connectChecks(address)...)
	if len(os.Args) > 2 {
		checks = slices.DeleteFunc(checks, func(each check) bool { return !strings.HasPrefix(each.name, os.Args[2]) })
	}
	failed := 0
	for _, each := range checks {
		if err := each.run(); err != nil {
			failed++
			fmt.Printf("FAILED  %s: %v\n", each.name, err)
			continue
		}
		fmt.Printf("ok      %s\n", each.name)
	}
	fmt.Printf("%d checks, %d failed\n", len(checks), failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func expect(got, wanted any) error {
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		return fmt.Errorf("got %v, wanted %v", got, wanted)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
