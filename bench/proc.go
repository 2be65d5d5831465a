package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// stat is what we need of /proc/PID/stat.
type stat struct {
	group int
	cpu   time.Duration // user and system
}

// parseStat reads /proc/PID/stat (proc_pid_stat(5)). The name in parentheses may hold anything.
func parseStat(text []byte) (stat, error) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return stat{}, fmt.Errorf("no name in %q", text)
	}
	f := strings.Fields(string(text[i+1:])) // field 3, state, is f[0]
	if len(f) < 13 {
		return stat{}, fmt.Errorf("only %d fields in %q", len(f), text)
	}
	var n [3]int
	for k, at := range []int{2, 11, 12} { // pgrp, utime, stime
		v, err := strconv.Atoi(f[at])
		if err != nil {
			return stat{}, err
		}
		n[k] = v
	}
	return stat{group: n[0], cpu: time.Duration(n[1]+n[2]) * tick}, nil
}

// group returns the process ids of a server and its children with their CPU times.
func (r *running) group() (map[int]time.Duration, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	members := map[int]time.Duration{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		s, err := parseStat(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if s.group != r.cmd.Process.Pid {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		members[pid] = s.cpu
	}
	return members, nil
}

// cpu returns the CPU time the server has used.
func (r *running) cpu() (time.Duration, error) {
	members, err := r.group()
	var sum time.Duration
	for _, d := range members {
		sum += d
	}
	return sum, err
}

// memory returns the server's proportional set size in bytes: memory shared among its processes counts once.
func (r *running) memory() (int64, error) {
	members, err := r.group()
	if err != nil {
		return 0, err
	}
	var sum int64
	for pid := range members {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		n, err := parsePss(string(text))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// parsePss reads the line "Pss: 123 kB" of smaps_rollup, in bytes.
func parsePss(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no Pss in %q", text)
}
