package script

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/icholy/digest"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSIP is `sip [-auth USER:PASSWORD] [-out FILE] [-until] udp|tcp IN WANT`: sends the messages of IN to
// $SIP and compares the answers with the patterns of WANT. See README.md.
func cmdSIP(ts *testscript.TestScript, neg bool, args []string) {
	fs := flag.NewFlagSet("sip", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	auth := fs.String("auth", "", "answer a challenge as `USER:PASSWORD`")
	out := fs.String("out", "", "keep the answers in `FILE`")
	until := fs.Bool("until", false, "again and again until the answers match")
	if err := fs.Parse(args); err != nil || neg || fs.NArg() != 3 {
		ts.Fatalf("usage: sip [-auth USER:PASSWORD] [-out FILE] [-until] udp|tcp IN WANT")
	}
	network, in, want := fs.Arg(0), ts.ReadFile(fs.Arg(1)), ts.ReadFile(fs.Arg(2))
	deadline := time.Now().Add(patience)
	for {
		answers, err := talk(ts, network, in, want, *auth)
		if *out != "" {
			text := strings.ReplaceAll(strings.Join(answers, "---\n"), "\r\n", "\n")
			ts.Check(os.WriteFile(ts.MkAbs(*out), []byte(text), 0o600))
		}
		if err == nil {
			return
		}
		if !*until || time.Now().After(deadline) {
			ts.Fatalf("%v\n%s", err, strings.Join(answers, "---\n"))
		}
		time.Sleep(poll)
	}
}

// talk opens a socket, exchanges messages, and says how the answers differ from what is wanted.
func talk(ts *testscript.TestScript, network, in, want, auth string) ([]string, error) {
	conn, err := net.Dial(network, ts.Getenv("SIP"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	ts.Setenv("LOCAL", conn.LocalAddr().String())
	wants := sections(expand(ts, want))
	answers, err := exchange(conn, sections(expand(ts, in)), len(wants), auth)
	if err != nil {
		return answers, fmt.Errorf("%w after %d of %d answers", err, len(answers), len(wants))
	}
	for i, want := range wants {
		if err := match(want, answers[i]); err != nil {
			return answers, fmt.Errorf("answer %d: %w", i+1, err)
		}
	}
	return answers, nil
}

// exchange sends all requests and returns n answers. With credentials each request waits for
// its answer, and is sent again when that is a challenge.
func exchange(conn net.Conn, requests []string, n int, auth string) ([]string, error) {
	in := &incoming{r: bufio.NewReaderSize(conn, 1<<16), datagrams: conn.LocalAddr().Network() == "udp"}
	var answers []string
	for _, text := range requests {
		if _, err := conn.Write(wire(text)); err != nil {
			return answers, err
		}
		if auth == "" {
			continue
		}
		a, err := in.next()
		if err == nil && strings.HasPrefix(a, "SIP/2.0 401 ") {
			if text, err = authorize(text, a, auth); err != nil {
				return append(answers, a), err
			}
			if _, err = conn.Write(wire(text)); err == nil {
				a, err = in.next()
			}
		}
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
	for len(answers) < n {
		a, err := in.next()
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// sections splits a file at its `---` lines.
func sections(text string) []string {
	parts := strings.Split("\n"+text, "\n---\n")
	for i := range parts {
		parts[i] = strings.TrimPrefix(parts[i], "\n")
	}
	return parts
}

// wire turns a section into bytes: CRLF line ends, an end of headers when there is none, and the real
// length for `Content-Length: *`. The section `(keepalive)` is a double CRLF (RFC 5626 4.4.1).
func wire(text string) []byte {
	if strings.TrimSpace(text) == "(keepalive)" {
		return []byte("\r\n\r\n")
	}
	head, body, hasBody := strings.Cut(text, "\n\n")
	head = strings.ReplaceAll(strings.TrimRight(head, "\n"), "\n", "\r\n")
	if hasBody {
		body = strings.ReplaceAll(body, "\n", "\r\n")
	}
	head = strings.Replace(head, "Content-Length: *", "Content-Length: "+strconv.Itoa(len(body)), 1)
	return []byte(head + "\r\n\r\n" + body)
}

// incoming reads answers, one a datagram or framed by Content-Length.
type incoming struct {
	r         *bufio.Reader
	datagrams bool
}

func (in *incoming) next() (string, error) {
	if in.datagrams {
		b := make([]byte, 1<<16)
		n, err := in.r.Read(b)
		return string(b[:n]), err
	}
	if b, err := in.r.Peek(2); err == nil && string(b) == "\r\n" {
		_, err = in.r.Discard(2)
		return "(pong)\r\n", err
	}
	var msg bytes.Buffer
	length := 0
	for {
		line, err := in.r.ReadString('\n')
		msg.WriteString(line)
		if err != nil {
			return msg.String(), err
		}
		if line == "\r\n" {
			break
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 || length > 1<<20 {
				return msg.String(), fmt.Errorf("bad Content-Length %q", value)
			}
		}
	}
	_, err := io.CopyN(&msg, in.r, int64(length))
	return msg.String(), err
}

// authorize returns the request with credentials for the first challenge that the digest
// package, which shares no code with sipway's, can answer.
func authorize(request, answer, auth string) (string, error) {
	user, password, _ := strings.Cut(auth, ":")
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(afterLine(answer)))).ReadMIMEHeader()
	if err != nil {
		return "", err
	}
	method, rest, _ := strings.Cut(request, " ")
	uri, _, _ := strings.Cut(rest, " ")
	for _, value := range header.Values("WWW-Authenticate") {
		challenge, err := digest.ParseChallenge(value)
		if err != nil {
			return "", err
		}
		cred, err := digest.Digest(challenge, digest.Options{
			Method: method, URI: uri, Username: user, Password: password, Count: 1,
		})
		if err != nil {
			continue
		}
		// A new request: the next CSeq and another branch (RFC 3261 22.2).
		request = strings.Replace(request, "branch=z9hG4bK", "branch=z9hG4bKa", 1)
		request = nextCSeq(request)
		line, more, _ := strings.Cut(request, "\n")
		return line + "\nAuthorization: " + cred.String() + "\n" + more, nil
	}
	return "", errors.New("no challenge that can be answered")
}

func afterLine(s string) string {
	_, rest, _ := strings.Cut(s, "\n")
	return rest
}

var cseqLine = regexp.MustCompile(`(?m)^CSeq: (\d+) `)

func nextCSeq(request string) string {
	return cseqLine.ReplaceAllStringFunc(request, func(s string) string {
		n, _ := strconv.Atoi(cseqLine.FindStringSubmatch(s)[1])
		return fmt.Sprintf("CSeq: %d ", n+1)
	})
}
