package auth

import "crypto/rand"

// passwordAlphabet has 32 signs, so that a sign is five bits, and none that looks like another.
const passwordAlphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// GeneratePassword returns a random password that people can read and type: four groups of four signs,
// "k7dm-3xqp-ww2a-hz9t", which is 80 bits of randomness.
func GeneratePassword() string {
	const signs, group = 16, 4
	var random [signs]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	out := make([]byte, 0, signs+signs/group-1)
	for i, r := range random {
		if i > 0 && i%group == 0 {
			out = append(out, '-')
		}
		out = append(out, passwordAlphabet[r%32])
	}
	return string(out)
}
