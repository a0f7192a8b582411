package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/embedpg"
)

// spy reads in PostgreSQL's log which statements were sent.
type spy struct {
	conn *pgx.Conn
	file string
	from int64
}

// spyPrefix begins each line of the log: it tells the servers' connections from all others.
const spyPrefix = "%a|"

func newSpy(ctx context.Context, server *embedpg.Server, conn *pgx.Conn) (*spy, error) {
	s := &spy{conn: conn, file: filepath.Join(server.Dir(), "postgres.log")}
	return s, s.watch(ctx, "all")
}

func (s *spy) watch(ctx context.Context, what string) error {
	if _, err := s.conn.Exec(ctx, "alter system set log_statement = '"+what+"'"); err != nil {
		return err
	}
	_, err := s.conn.Exec(ctx, "select pg_reload_conf()")
	time.Sleep(200 * time.Millisecond) // until every backend has heard
	return err
}

func (s *spy) forget() {
	if info, err := os.Stat(s.file); err == nil {
		s.from = info.Size()
	}
}

var (
	executed = regexp.MustCompile(`^waystation\|LOG:  (?:execute [^:]*|statement): `)
	frame    = regexp.MustCompile(`^(begin|commit|select set_config\('app\.)`) // how a transaction is opened and closed is the server's own affair
	blanks   = regexp.MustCompile(`\s+`)
)

// statements returns what the servers sent since forget, each with single spaces.
func (s *spy) statements() []string {
	raw, err := os.ReadFile(s.file)
	if err != nil || int64(len(raw)) < s.from {
		return []string{fmt.Sprint(err)}
	}
	var out []string
	open := false
	for line := range strings.Lines(string(raw[s.from:])) {
		switch start := executed.FindString(line); {
		case start != "":
			out, open = append(out, line[len(start):]), true
		case open && strings.HasPrefix(line, "\t"):
			out[len(out)-1] += line
		default:
			open = false
		}
	}
	for i := range out {
		out[i] = strings.TrimSpace(blanks.ReplaceAllString(out[i], " "))
	}
	return slices.DeleteFunc(out, frame.MatchString)
}
