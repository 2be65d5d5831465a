package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestValidateReads: what the file names is read, and the error points at the line that names it.
func TestValidateReads(t *testing.T) {
	t.Parallel()
	const soa = "@ 60 IN SOA ns1 hostmaster 1 3600 600 86400 60\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n"
	for _, c := range []struct {
		name, config string
		files        map[string]string
		want         []string // lines, DIR/ stands for the directory; none: it is good
	}{
		{
			"missing users", "domains:\n  a.test:\n    users: none.yaml\n", nil,
			[]string{"DIR/c.yaml:3:12: users file DIR/none.yaml does not exist; make it with `sipway user add NAME@a.test --config DIR/c.yaml`"},
		},
		{
			"users of another domain", "domains: {a.test: {users: u.yaml}}\n",
			map[string]string{"u.yaml": "realm: b.test\nusers: {}\n"},
			[]string{"DIR/c.yaml:1:27: users file DIR/u.yaml is for b.test"},
		},
		{
			"bad users", "domains: {a.test: {users: u.yaml}}\n",
			map[string]string{"u.yaml": "realm: a.test\nusers: {alice: {md5: zz}}\n"},
			[]string{"DIR/c.yaml:1:27: DIR/u.yaml:2:"},
		},
		{"missing zone", "zones:\n  z.test: {file: none.zone}\n", nil, []string{"DIR/c.yaml:2:18: "}},
		{
			"bad zone", "zones:\n  z.test: {file: z.zone}\n",
			map[string]string{"z.zone": soa + "www 60 IN A 300.1.1.1\n"},
			[]string{"DIR/c.yaml:2:18: DIR/z.zone:4"},
		},
		{
			"zone without SOA", "zones:\n  z.test: {file: z.zone}\n",
			map[string]string{"z.zone": "www 60 IN A 192.0.2.1\n"},
			[]string{"DIR/c.yaml:2:18: DIR/z.zone: "},
		},
		{
			"bad extra", "domains:\n  a.test:\n    register: {auth: none}\n    dns: {extra: e.zone}\n",
			map[string]string{"e.zone": "www 60 IN A x\n"},
			[]string{"DIR/c.yaml:4:18: DIR/e.zone:1"},
		},
		{
			"extra that clashes", "domains:\n  a.test:\n    register: {auth: none}\n    dns: {extra: e.zone}\n",
			map[string]string{"e.zone": "@ 60 IN CNAME b.test.\n"},
			[]string{"DIR/c.yaml:4:18: the records of a.test make no zone: "},
		},
		{
			"all at once", "domains: {a.test: {users: none.yaml}}\nzones: {z.test: {file: none.zone}}\n", nil,
			[]string{"DIR/c.yaml:1:27: ", "DIR/c.yaml:2:24: "},
		},
		{
			"good", "domains: {a.test: {users: u.yaml, dns: {extra: e.zone}}}\nzones: {z.test: {file: z.zone}}\n",
			map[string]string{"u.yaml": "realm: a.test\nusers: {}\n", "e.zone": "www 60 IN A 192.0.2.1\n", "z.zone": soa},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := write(t, dir, "c.yaml", c.config)
			for name, text := range c.files {
				write(t, dir, name, text)
			}
			code, stdout, stderr := command(t, "config", "validate", file)
			if len(c.want) == 0 {
				if code != exitOK || !strings.Contains(stdout, "is good") {
					t.Errorf("exit %d: %s%s", code, stdout, stderr)
				}
				return
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if code != exitConfig || len(lines) != len(c.want) {
				t.Fatalf("exit %d: %s%s", code, stdout, stderr)
			}
			for i, want := range c.want {
				if want = strings.ReplaceAll(want, "DIR", dir); !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d:\n%s\nwant\n%s", i, lines[i], want)
				}
			}
			// Starting says the same.
			startCode, _, startErr := command(t, "serve", "--config", file)
			if startCode != code || startErr != stderr {
				t.Errorf("serve: exit %d: %s", startCode, startErr)
			}
		})
	}
}

func TestValidateJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	judge := func(code int, text string) (v verdict) {
		t.Helper()
		got, stdout, stderr := command(t, "config", "validate", "--json", write(t, dir, "c.yaml", text))
		if err := json.Unmarshal([]byte(stdout), &v); err != nil || got != code || stderr != "" {
			t.Fatalf("exit %d, %v: %s%s", got, err, stdout, stderr)
		}
		return v
	}
	v := judge(exitConfig, "domains:\n  a.test: {users: none.yaml}\nzones: {z.test: {file: none.zone}}\n")
	want := finding{dir + "/c.yaml", 2, 19, "users file " + dir + "/none.yaml does not exist", "make it with `sipway user add NAME@a.test --config " + dir + "/c.yaml`"}
	if v.Good || len(v.Errors) != 2 || v.Errors[0] != want || v.Errors[1].Line != 3 {
		t.Errorf("%+v", v)
	}
	v = judge(exitConfig, "lisen: {}\n")
	if len(v.Errors) != 1 || v.Errors[0] != (finding{dir + "/c.yaml", 1, 1, `unknown key "lisen"`, `did you mean "listen"?`}) {
		t.Errorf("%+v", v)
	}
	v = judge(exitOK, "domains: {a.test: {register: {auth: none}}}\nlisten: {sip: ['udp://127.0.0.1:5060'], dns: ['udp://127.0.0.1:5300']}\n")
	if !v.Good || v.Domains != 1 || v.Listeners != 2 || len(v.Warnings) != 2 || len(v.Errors) != 0 {
		t.Errorf("%+v", v)
	}
}
