package auth

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Algorithm is a digest algorithm of RFC 8760 2.1. The order of the constants is the order of preference.
type Algorithm uint8

// The algorithms that are offered, the preferred one first (RFC 8760 2.3).
const (
	SHA256 Algorithm = iota
	MD5
	numAlgorithms
)

// maxHexSize is the longest digest in hexadecimal, of SHA-256.
const maxHexSize = 2 * sha256.Size

// String returns the name of the algorithm as challenges and credentials carry it.
func (a Algorithm) String() string {
	switch a {
	case SHA256:
		return "SHA-256"
	case MD5:
		return "MD5"
	default:
		return "unknown"
	}
}

// hexSize is the length of a digest in hexadecimal digits.
func (a Algorithm) hexSize() int {
	if a == MD5 {
		return 2 * md5.Size
	}
	return maxHexSize
}

// appendHash appends the digest of data in lower-case hexadecimal (RFC 7616 3.3: LHEX).
func (a Algorithm) appendHash(dst, data []byte) []byte {
	if a == MD5 {
		sum := md5.Sum(data)
		return hex.AppendEncode(dst, sum[:])
	}
	sum := sha256.Sum256(data)
	return hex.AppendEncode(dst, sum[:])
}

// parseAlgorithm reads the algorithm parameter of credentials; absent means MD5 (RFC 7616 3.4).
func parseAlgorithm(value []byte, present bool) (Algorithm, bool) {
	switch {
	case !present, bytes.EqualFold(value, []byte("MD5")):
		return MD5, true
	case bytes.EqualFold(value, []byte("SHA-256")):
		return SHA256, true
	default:
		return 0, false
	}
}

// ParseAlgorithm reads the name of an algorithm, "sha-256" or "md5", without regard to case.
func ParseAlgorithm(name string) (Algorithm, bool) {
	for alg := range numAlgorithms {
		if strings.EqualFold(name, alg.String()) {
			return alg, true
		}
	}
	return 0, false
}

// Limit returns users of which only algs are offered, for phones that give up at a challenge they do not
// know instead of ignoring it (RFC 3261 22.3, RFC 8760 2.4). What users itself does not offer stays out,
// unless nothing were left.
func Limit(users Users, algs []Algorithm) Users { return limited{users, algs} }

type limited struct {
	Users
	algs []Algorithm
}

func (l limited) Offers(alg Algorithm) bool {
	if !slices.Contains(l.algs, alg) {
		return false
	}
	return l.Users.Offers(alg) || !slices.ContainsFunc(l.algs, l.Users.Offers)
}

// HA1 returns H(user ":" realm ":" password) in lower-case hexadecimal (RFC 7616 3.4.2): what the users file
// holds instead of the password. It is as good as the password for this realm, so keep it as secret.
func HA1(alg Algorithm, user, realm, password string) string {
	return string(alg.appendHash(nil, []byte(user+":"+realm+":"+password)))
}
