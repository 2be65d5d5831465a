package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

// A nonce is base64url(time in Unix milliseconds, 8 bytes; 16 bytes of HMAC-SHA-256 over time and source
// address). The key is derived from the server's secret and the realm, so a nonce of another realm is none
// of ours. The first half of the HMAC makes the nonce for SHA-256, the second that for MD5: a nonce that was
// given out for one algorithm is no good for the other.
const (
	nonceLife    = 5 * time.Minute
	nonceSkew    = 30 * time.Second // how far ahead the clock of the node that made it may be
	nonceMACSize = 16
	nonceRawSize = 8 + nonceMACSize
	nonceSize    = nonceRawSize / 3 * 4
)

// nonceKey is an HMAC key in the form that the two hashes of RFC 2104 start with.
type nonceKey struct{ inner, outer [sha256.BlockSize]byte }

// newNonceKey derives the key for a realm. Without a secret it takes a random one: then nonces do not
// outlive the process, but they cannot be guessed either.
func newNonceKey(secret []byte, realm string) nonceKey {
	if len(secret) == 0 {
		secret = make([]byte, sha256.Size)
		_, _ = rand.Read(secret) // never fails since Go 1.24
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("sipway digest nonce\x00" + realm))
	key := h.Sum(nil)
	var k nonceKey
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// mac is HMAC-SHA-256 of the time and the address, with both hashes over arrays so that nothing is allocated.
func (k *nonceKey) mac(milli int64, from netip.Addr) [sha256.Size]byte {
	var inner [sha256.BlockSize + 8 + 16]byte
	copy(inner[:], k.inner[:])
	binary.BigEndian.PutUint64(inner[sha256.BlockSize:], uint64(milli))
	if from.IsValid() {
		// An IPv4 address and its IPv4-mapped form are one source; zones are left away.
		addr := from.As16()
		copy(inner[sha256.BlockSize+8:], addr[:])
	}
	sum := sha256.Sum256(inner[:])
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(outer[:], k.outer[:])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// half is the part of a mac that makes the nonce for alg.
func half(mac *[sha256.Size]byte, alg Algorithm) []byte {
	if alg == MD5 {
		return mac[nonceMACSize:]
	}
	return mac[:nonceMACSize]
}

// encodeNonce writes a nonce of nonceSize bytes to dst.
func encodeNonce(dst []byte, milli int64, mac []byte) {
	var raw [nonceRawSize]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(milli))
	copy(raw[8:], mac)
	base64.RawURLEncoding.Encode(dst, raw[:])
}

// fresh reports whether nonce is one we gave to this address for alg within its life.
func (k *nonceKey) fresh(nonce []byte, alg Algorithm, now time.Time, from netip.Addr) bool {
	if len(nonce) != nonceSize {
		return false
	}
	var raw [nonceRawSize]byte
	if n, err := base64.RawURLEncoding.Decode(raw[:], nonce); err != nil || n != nonceRawSize {
		return false
	}
	milli := int64(binary.BigEndian.Uint64(raw[:8]))
	mac := k.mac(milli, from)
	ours := subtle.ConstantTimeCompare(raw[8:], half(&mac, alg)) == 1
	age := now.UnixMilli() - milli // of a time we signed, so it cannot overflow if it is ours
	return ours && age <= nonceLife.Milliseconds() && age >= -nonceSkew.Milliseconds()
}
