// Package statistics publishes figures, never people.
//
// Counts are kept by the transactions that change the facts: triggers on the persons' table append changes, a job
// compacts them, and a nightly recount proves them (jobs.go). Reading figures never touches a person.
//
// Staff read the present counts of their centres, under row-level security (inside.go). Audiences outside read frozen
// tables through the database role that sees counts and nothing else (outside.go): one table for each cube, audience,
// country and calendar year, with all margins, protected once by package disclosure and stored as a publication
// (publication.go). Every answer selects from these tables, so that no two answers were protected differently. A table
// grows month by month, each release keeping what the ones before it showed and hid; corrected counts replace it
// as a whole, once the difference tells of no single person.
package statistics

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// Service answers with figures. It is safe for concurrent use.
type Service struct {
	figures *db.DB // as the statistics role, perhaps on a replica
	Now     func() time.Time

	types   *lru.Cache[uuid.UUID, rememberedType]
	tables  *lru.Cache[uuid.UUID, *disclosure.Table] // by publication, which never changes
	answers *lru.Cache[string, rendered]

	mu         sync.Mutex
	current    *edition
	publishing sync.Mutex // one table at a time is worked out in this process
}

// What is remembered at most. A table takes about 1 MiB; so does the longest answer, all cells of a year.
const (
	tablesKept  = 64
	answersKept = 64
	maxAnswer   = 1 << 20
)

// New returns a service that reads figures through a pool of the role db.StatisticsRole.
func New(figures *db.DB) *Service {
	s := &Service{figures: figures, Now: db.Now}
	s.types, _ = lru.New[uuid.UUID, rememberedType](1000)
	s.tables, _ = lru.New[uuid.UUID, *disclosure.Table](tablesKept)
	s.answers, _ = lru.New[string, rendered](answersKept)
	return s
}

// edition is what there is to answer from: profiles, countries and the publications in force.
type edition struct {
	profiles map[string]Profile
	first    map[string]Month // of the first registration, by country
	heads    map[block]Publication
	stamp    string // changes with any of it
	until    time.Time
}

// editionFor is how long another process's publication may stay unnoticed.
const editionFor = 5 * time.Second

// edition returns the present one. It must not be changed.
func (s *Service) edition(ctx context.Context) (*edition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && time.Now().Before(s.current.until) {
		return s.current, nil
	}
	e, err := s.loadEdition(ctx)
	if err == nil {
		s.current = e
	}
	return e, err
}

// forget lets the next answer look again.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
}

// read runs fn as the statistics role.
func (s *Service) read(ctx context.Context, fn func(context.Context) error) error {
	return s.figures.InTx(ctx, db.Scope{ReadOnly: true, ActorKind: "system", Operation: "statistics"}, fn)
}
