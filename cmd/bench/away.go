package main

import (
	"io"
	"net"
	"time"
)

// passOn makes a server one that is away: what it answers arrives later.
func passOn(address, to string, delay time.Duration) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return passAll(listener, to, delay)
}

func passAll(listener net.Listener, to string, delay time.Duration) error {
	for {
		near, err := listener.Accept()
		if err != nil {
			return err
		}
		far, err := net.Dial("tcp", to)
		if err != nil {
			_ = near.Close()
			continue
		}
		go func() {
			_, _ = io.Copy(far, near) // until either side has left
			_ = far.Close()
		}()
		go answerLater(near, far, delay)
	}
}

// answerLater passes on what the far side says, each piece after the delay, however many are on their way.
func answerLater(near, far net.Conn, delay time.Duration) {
	type piece struct {
		text []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer func() { _ = near.Close() }()
		for p := range pieces {
			<-time.After(time.Until(p.due))
			if _, err := near.Write(p.text); err != nil {
				_ = far.Close() // which ends the reading as well
			}
		}
	}()
	defer close(pieces)
	for {
		text := make([]byte, 16<<10)
		n, err := far.Read(text)
		if n > 0 {
			pieces <- piece{text[:n], time.Now().Add(delay)}
		}
		if err != nil {
			return
		}
	}
}
