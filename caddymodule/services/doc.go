// Package services starts the real servers that tests need, from the installed binaries, on free ports of the loopback
// address. It is for tests only.
//
// A test whose binary is missing is skipped, unless the environment variable TOLLGATE_TEST_SERVICES says "required",
// as it does where everything has been installed on purpose: then it fails.
package services
