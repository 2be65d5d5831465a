package dispatch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/sipway/sipway/sip"
)

const (
	minSecret = 16 // bytes
	tagBytes  = 8  // of hash in a tag; RFC 3261 19.3 asks for at least 4
)

// tagKey makes To tags.
type tagKey [sha256.Size]byte

// newTagKey derives the key, so that the same secret may serve other purposes too.
func newTagKey(secret []byte) (tagKey, error) {
	if len(secret) < minSecret {
		return tagKey{}, errors.New("dispatch: the secret for To tags has less than 16 bytes")
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("sipway to tag"))
	return tagKey(h.Sum(nil)), nil
}

// appendTag makes the To tag of all responses to m (RFC 3261 8.2.7: the same tag for the same request,
// without memory). What makes a request the same is what makes a transaction and a dialog: Call-ID, From with
// its tag, the number in CSeq, the top Via with its branch, and the Request-URI, as they are written. Not the
// method, so that a CANCEL gets the tag of what it cancels (9.2). It is SHA-256 over key and fields, cut
// short, so it tells nothing about the key.
func (k *tagKey) appendTag(s *scratch, m *sip.Message) []byte {
	t := append(s.text[:0], k[:]...)
	t = appendField(t, m.CallID())
	t = appendField(t, m.RequestURI())
	from, _ := m.Header(sip.HeaderFrom)
	t = appendField(t, from)
	seq, _, _ := m.CSeq() // 0 if malformed: then it is no part of what makes the 400
	t = binary.BigEndian.AppendUint32(t, seq)
	if via := m.Values(sip.HeaderVia); via.Next() {
		t = appendField(t, via.Value())
	}
	s.text = t
	sum := sha256.Sum256(t)
	return hex.AppendEncode(s.tag[:0], sum[:tagBytes])
}

// appendField appends v behind its length, so that no two lists of fields look alike.
func appendField(dst, v []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}
