package transport

import (
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rawConn is a client without Go's net package, so that what the process holds is the server's alone.
type rawConn int

func (fd rawConn) Write(b []byte) (int, error) { return unix.Write(int(fd), b) }
func (fd rawConn) Read(b []byte) (int, error) {
	n, err := unix.Read(int(fd), b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func rawDial(t testing.TB, to netip.AddrPort) rawConn {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience.Seconds())})
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	return rawConn(fd)
}

// TestDescriptorsRunOut takes all descriptors of the process but a few, and looks whether a connection that
// could not be accepted is served when there are some again.
func TestDescriptorsRunOut(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	tr := New(Options{}, handlerFunc(answer), nil)
	udp, err := tr.Listen(UDP, loopback)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := tr.Listen(TCP, loopback)
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, tr)
	waiting := rawDial(t, tcp) // served, so that the listener waits in Accept
	if _, err := waiting.Write([]byte(options("1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	u := dial(t, "udp", udp)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	low := unix.Rlimit{Cur: uint64(fd) + 1, Max: limit.Max} // no descriptor above those there are
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	restored := false
	restore := func() {
		if !restored {
			restored = true
			_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		}
	}
	defer restore()
	var gaps []*os.File // descriptors below that are free
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		gaps = append(gaps, f)
	}
	defer func() {
		for _, f := range gaps {
			_ = f.Close()
		}
	}()
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(tcp.Port()), Addr: tcp.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	c := rawConn(fd)
	if _, err := c.Write([]byte(options("2"))); err != nil {
		t.Fatal(err)
	}
	// UDP goes on meanwhile, and so does the connection there was.
	write(t, u, options("3"))
	readPacket(t, u)
	if _, err := waiting.Write([]byte(options("4"))); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	for tr.Stats().AcceptErrors == 0 {
		time.Sleep(time.Millisecond) // the listener tries when it likes
	}
	restore()
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		t.Errorf("the connection that had to wait: %v", err)
	}
	if s := stop(); s.Accepted != 2 {
		t.Errorf("%+v", s)
	}
}
