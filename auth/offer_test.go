package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func offers(u Users) (algs []Algorithm) {
	for alg := range numAlgorithms {
		if u.Offers(alg) {
			algs = append(algs, alg)
		}
	}
	return algs
}

// TestOffers: an algorithm is offered if every user can answer it, and if the operator wants it.
func TestOffers(t *testing.T) {
	t.Parallel()
	both := fmt.Sprintf("{sha-256: %064x, md5: %032x}", 1, 1)
	only256, only5 := fmt.Sprintf("{sha-256: %064x}", 2), fmt.Sprintf("{md5: %032x}", 2)
	for _, c := range []struct {
		name  string
		users []string
		limit []Algorithm
		want  []Algorithm
	}{
		{"no user", nil, nil, []Algorithm{SHA256, MD5}},
		{"both", []string{both, both}, nil, []Algorithm{SHA256, MD5}},
		{"MD5 alone", []string{only5}, nil, []Algorithm{MD5}},
		{"one without SHA-256", []string{both, only5}, nil, []Algorithm{MD5}},
		{"one without MD5", []string{only256, both}, nil, []Algorithm{SHA256}},
		{"nothing in common", []string{only256, only5}, nil, []Algorithm{SHA256, MD5}},
		{"limited", []string{both}, []Algorithm{MD5}, []Algorithm{MD5}},
		{"limited to what the users have not", []string{only256}, []Algorithm{MD5}, []Algorithm{MD5}},
		{"limited to both", []string{only5}, []Algorithm{MD5, SHA256}, []Algorithm{MD5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			text.WriteString("realm: d.test\nusers:\n")
			for i, u := range c.users {
				fmt.Fprintf(&text, "  u%d: %s\n", i, u)
			}
			path := filepath.Join(t.TempDir(), "users.yaml")
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := LoadUsers(path)
			if err != nil {
				t.Fatal(err)
			}
			var users Users = f
			if c.limit != nil {
				users = Limit(f, c.limit)
			}
			if got := offers(users); !slices.Equal(got, c.want) {
				t.Errorf("offers %v, want %v", got, c.want)
			}
		})
	}
}
