package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/statistics"
)

// referenceFigures are the product's own: disclosure control is not what is compared here, but what
// stands in front of it.
func referenceFigures(url string) (statistics.Handlers, *db.DB, error) {
	house, err := db.Open(context.Background(), db.Options{URL: url, MaxConnections: 2})
	if err != nil {
		return statistics.Handlers{}, nil, err
	}
	counts, err := db.Open(context.Background(), db.Options{URL: url, Role: db.StatisticsRole, MaxConnections: 5})
	return statistics.Handlers{Figures: statistics.New(counts)}, house, err
}

func (s *reference) cube(c *call) error {
	query := c.r.URL.Query()
	list := func(name string) []string {
		if v := query.Get(name); v != "" {
			return strings.Split(v, ",")
		}
		return nil
	}
	from, to := query.Get("from"), query.Get("to")
	session := s.house.Session(db.Scope{ActorID: c.caller.ID, ActorKind: string(c.caller.Kind), OrganisationID: c.caller.OrganisationID, ReadOnly: true, Operation: "getCubeData"})
	defer session.Rollback()
	answer, err := s.figures.GetCubeData(session.Bind(auth.With(c.r.Context(), c.caller)), api.GetCubeDataRequestObject{Cube: "registrations", Params: api.GetCubeDataParams{
		Dimensions: list("dimensions"), From: &from, To: &to, Country: list("country"), Nationality: list("nationality"),
	}})
	if err != nil {
		return err
	}
	return answer.VisitGetCubeDataResponse(room{c})
}

// room takes an answer's body into the call's buffer; its headers go out directly.
type room struct{ c *call }

func (r room) Header() http.Header { return r.c.w.Header() }
func (r room) WriteHeader(int)     {}
func (r room) Write(p []byte) (int, error) {
	r.c.out = append(r.c.out, p...)
	return len(p), nil
}
