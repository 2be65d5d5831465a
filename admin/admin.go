// Package admin is the HTTP API of a running server: is it alive, is it ready,
// which bindings are there, what have its parts counted.
//
// It only reads: every path answers GET and HEAD and changes nothing. It is not
// a way in from outside: it has no users yet, so it answers only on loopback
// names (against DNS rebinding), never to a page of another origin (against
// cross-site requests), and sends JSON that no browser takes for a page. It
// knows no other package of the house; what it shows comes in through the
// functions of [Options].
//
// It implements RFC 9110 as far as net/http does. It owns the goroutines of the
// http.Server that Serve runs, and Serve returns after they have ended.
package admin

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Bounds of the server.
const (
	readTimeout   = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 8 << 10
	maxConns      = 64
	shutdownGrace = 2 * time.Second
)

// Options say what the API shows. A nil function shows nothing of its kind.
// The functions are called from the goroutine of each request.
type Options struct {
	// Ready returns nil when all parts serve, or why not. The text is shown.
	Ready func() error
	// Bindings goes over all AORs that have a live binding, in any order.
	Bindings iter.Seq2[string, Lister]
	// Status returns the counters of all parts by name; values marshal to JSON.
	Status func() map[string]any
	// Instance tells this process from another at the same address; it is sent as InstanceHeader. Empty: none.
	Instance string
	// ErrorLog gets what net/http has to say. Nil: nothing.
	ErrorLog *slog.Logger
}

// InstanceHeader is the header of the answer to /v1/bindings that carries Options.Instance.
const InstanceHeader = "Sipway-Instance"

// Lister returns the live bindings of one AOR. It is called for those AORs alone
// that are shown, after the iteration.
type Lister func() []Binding

// AOR is one address of record with its live bindings.
type AOR struct {
	AOR      string    `json:"aor"` // canonical, as in sip:alice@example.test
	Bindings []Binding `json:"bindings"`
}

// Binding is one registered contact.
type Binding struct {
	Contact   string  `json:"contact"`          // URI as registered
	Params    string  `json:"params,omitempty"` // of the Contact, as in ;+sip.instance="..."
	Q         float64 `json:"q"`                // 0 to 1
	Expires   int     `json:"expires"`          // seconds left
	CallID    string  `json:"call_id"`
	CSeq      uint32  `json:"cseq"`
	Path      string  `json:"path,omitempty"` // values of Path, RFC 3327
	Transport string  `json:"transport,omitempty"`
	Source    string  `json:"source,omitempty"` // address and port the REGISTER came from
	Updated   string  `json:"updated"`          // RFC 3339, UTC
}

// Server answers the API. Use New.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// New returns a server; Listen and Serve make it answer.
func New(o Options) *Server {
	s := &Server{}
	s.http = &http.Server{
		Handler:           Handler(o),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	log := slog.New(slog.DiscardHandler)
	if o.ErrorLog != nil {
		log = o.ErrorLog
	}
	s.http.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	return s
}

// Listen opens the socket and returns its address, with the port that the
// system chose if addr has none.
func (s *Server) Listen(addr netip.AddrPort) (netip.AddrPort, error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return netip.AddrPort{}, err
	}
	s.listener = &limitListener{Listener: l, free: make(chan struct{}, maxConns), closed: make(chan struct{})}
	got := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(got.Addr().Unmap(), got.Port()), nil
}

// Serve answers until ctx ends, then lets running requests finish for a short
// time. It returns nil after a wanted end.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		err := s.http.Shutdown(grace)
		if err != nil {
			err = s.http.Close()
		}
		ended <- err
	}()
	err := s.http.Serve(s.listener)
	cancel()
	if end := <-ended; errors.Is(err, http.ErrServerClosed) {
		return end
	}
	return err
}

// Close closes the socket of a server that was never served.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}
