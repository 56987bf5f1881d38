package dashboard

// Running is the gateway that runs in the process of a test.
var Running = running
