package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/memo"
)

// system answers the operations about the server itself.
type system struct{ app *App }

// GetIndex tells where everything is.
func (system) GetIndex(context.Context, api.GetIndexRequestObject) (api.GetIndexResponseObject, error) {
	return api.GetIndex200JSONResponse{Name: "Waystation", Version: Version(), Links: map[string]string{
		"documentation": "/docs", "specification": "/openapi.yaml", "health": "/healthz", "readiness": "/readyz",
		"metrics": "/metrics", "keys": "/.well-known/jwks.json",
	}}, nil
}

// GetHealth answers while the process runs.
func (system) GetHealth(context.Context, api.GetHealthRequestObject) (api.GetHealthResponseObject, error) {
	return api.GetHealth200JSONResponse{Status: api.HealthStatusOk}, nil
}

// GetReadiness answers 503 while the database does not answer or its schema is too old.
func (s system) GetReadiness(ctx context.Context, _ api.GetReadinessRequestObject) (api.GetReadinessResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.app.DB.Ping(ctx); err != nil {
		return nil, notReady("The database does not answer.").Because(err)
	}
	waits, err := pending(ctx, s.app.Config.DatabaseOwnerURL.Reveal())
	if err != nil {
		return nil, notReady("The schema's version cannot be read.").Because(err)
	}
	if waits {
		return nil, notReady("The database waits for migrations.")
	}
	if !s.app.Revocations.Healthy() {
		return nil, notReady("Nobody can be recognised: the feed of those who signed out is broken.")
	}
	return api.GetReadiness200JSONResponse{Status: api.HealthStatusOk}, nil
}

func notReady(why string) *fault.Error {
	f := fault.New(fault.Unavailable, "not_ready", why)
	f.RetryAfter = 2 * time.Second
	return f
}

// centreList remembers which centres there are, for callers whose role reaches all of them.
type centreList struct {
	db   *db.DB
	memo *memo.Memo[struct{}, []uuid.UUID]
}

const centresFor = 5 * time.Second

func newCentres(d *db.DB) *centreList {
	return &centreList{db: d, memo: memo.New[struct{}, []uuid.UUID](centresFor, requestTimeout)}
}

func (c *centreList) all(ctx context.Context) ([]uuid.UUID, error) {
	return c.memo.Get(struct{}{}, func() (ids []uuid.UUID, err error) {
		scope := db.Scope{Network: true, ReadOnly: true, Operation: "centres"}
		err = c.db.InTx(ctx, scope, func(ctx context.Context) error {
			return db.Tx(ctx).Raw("select id from centres order by id").Scan(&ids).Error
		})
		return ids, err
	})
}

// founded makes a centre known that is being founded.
func (c *centreList) founded() { c.memo.Forget(struct{}{}) }
