package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/sipway/sipway/config"
)

// runFile tells other programs where a server listens. It is written once
// everything listens and removed at the end; after a crash it is stale.
type runFile struct {
	PID     int      `json:"pid"`
	Version string   `json:"version"`
	Domains []string `json:"domains"`
	SIP     []string `json:"sip"` // as in udp://127.0.0.1:5060
	DNS     []string `json:"dns"`
	Admin   string   `json:"admin,omitempty"` // as in 127.0.0.1:8300
	Name    string   `json:"instance"`        // what the admin API answers as admin.InstanceHeader
}

// runFileName is where commands look for the server of a data directory.
func runFileName(data string) string { return filepath.Join(data, "run.json") }

func (s *server) runFile() runFile {
	f := runFile{PID: os.Getpid(), Version: versionText(), Domains: domainNames(s.pre.cfg), SIP: urls(s.sip), DNS: urls(s.dns), Name: s.name}
	if s.admin != nil {
		f.Admin = s.adminAt.String()
	}
	return f
}

func domainNames(c *config.Config) []string {
	names := []string{}
	for _, d := range c.Domains {
		names = append(names, d.Name)
	}
	return names
}

func urls(ls []config.Listener) []string {
	all := []string{}
	for _, l := range ls {
		all = append(all, l.String())
	}
	return all
}

func (f runFile) write(name string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(name, append(text, '\n'), 0o644)
}

// readRunFile returns the zero runFile if there is none that can be read.
func readRunFile(data string) (f runFile) {
	text, err := os.ReadFile(runFileName(data))
	if err == nil && json.Unmarshal(text, &f) != nil {
		return runFile{}
	}
	return f
}
