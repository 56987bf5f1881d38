// Package status keeps what a gateway saw lately, for those who ask what is going on: which workspaces are busiest and most
// refused, and the last refusals each with its reason. It is bounded, and nobody who counts waits for anybody else.
package status
