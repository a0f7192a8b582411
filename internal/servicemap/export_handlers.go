package servicemap

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
)

// exportedServices is a search to take away.
type exportedServices struct {
	export.List[found, api.Service]
}

// VisitListServicesResponse implements api.ListServicesResponseObject.
func (e exportedServices) VisitListServicesResponse(w http.ResponseWriter) error { return e.Write(w) }

func exportServices(ctx context.Context, s search, sort string) exportedServices {
	order := export.Order(s.sorts(), sort)
	return exportedServices{export.List[found, api.Service]{
		Ctx: ctx, Name: "services", Rows: func(q *gorm.DB) *gorm.DB { return order(s.build(q)) }, Show: func(f *found) api.Service { return toFound(f) },
		First: []string{"id", "external_code", "organisation_id", "name", "type", "status"},
	}}
}

// exportedLocations is the list of locations to take away.
type exportedLocations struct {
	export.List[Location, api.ServiceLocation]
}

// VisitListLocationsResponse implements api.ListLocationsResponseObject.
func (e exportedLocations) VisitListLocationsResponse(w http.ResponseWriter) error {
	return e.Write(w)
}

// exportLocations tells of confidential locations what everybody may know, whoever asks: a file travels.
func exportLocations(ctx context.Context, rows db.Build, sort string) exportedLocations {
	order := export.Order(locationSorts, sort)
	return exportedLocations{export.List[Location, api.ServiceLocation]{
		Ctx: ctx, Name: "locations", Rows: func(q *gorm.DB) *gorm.DB { return order(rows(q)) }, Show: func(l *Location) api.ServiceLocation { return toLocation(l.Shown()) },
		First: []string{"id", "organisation_id", "name", "confidential", "admin1_pcode", "pcode", "address", "latitude", "longitude", "time_zone"},
	}}
}
