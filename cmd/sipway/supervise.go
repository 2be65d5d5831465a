package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// stopGrace is how long one part may take to end; what does not is left behind
// and named.
const stopGrace = 10 * time.Second

// supervisor runs parts, each in a goroutine of its own, and ends them in the
// reverse order of their start.
type supervisor struct {
	log    *slog.Logger
	parts  []*part
	broken chan error // the first part that ended by itself
}

type part struct {
	name string
	end  context.CancelFunc
	done chan struct{}
	err  error // read after done
}

var errEndedEarly = errors.New("ended although nobody asked it to")

func newSupervisor(log *slog.Logger) *supervisor {
	return &supervisor{log: log, broken: make(chan error, 1)}
}

// start runs serve until its context ends. A panic in it is an error like any
// other: logged with its stack, and the end of the server.
func (s *supervisor) start(name string, serve func(context.Context) error) {
	// The parts end one after the other, so none of them may see the context of the command.
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{name: name, end: cancel, done: make(chan struct{})}
	s.parts = append(s.parts, p)
	go func() {
		defer close(p.done)
		p.err = s.guard(ctx, name, serve)
		if p.err == nil && ctx.Err() == nil {
			p.err = errEndedEarly
		}
		if p.err != nil {
			select {
			case s.broken <- fmt.Errorf("%s: %w", name, p.err):
			default:
			}
		}
	}()
}

func (s *supervisor) guard(ctx context.Context, name string, serve func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "part", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return serve(ctx)
}

// wait returns nil when ctx ends, or why a part ended before.
func (s *supervisor) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	}
}

// stop ends all parts, the last one first, and returns what went wrong.
func (s *supervisor) stop() error {
	var errs []error
	for _, p := range slices.Backward(s.parts) {
		p.end()
		timer := time.NewTimer(stopGrace)
		select {
		case <-p.done:
			if p.err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
			}
		case <-timer.C:
			errs = append(errs, fmt.Errorf("%s did not end within %s", p.name, stopGrace))
		}
		timer.Stop()
	}
	s.parts = nil
	return errors.Join(errs...)
}
