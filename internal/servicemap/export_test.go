package servicemap

import (
	"net/url"
	"strconv"

	"gorm.io/gorm"

	"github.com/waystation/waystation/api"
)

// Statement is the SQL of a search by place, for its plan.
func Statement(models *gorm.DB, query string) (sql string, args []any) {
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	var p api.ListServicesParams
	if near := values.Get("near"); near != "" {
		km, _ := strconv.ParseFloat(values.Get("radius_km"), 64)
		p.Near, p.RadiusKm = &near, &km
	}
	if pcode := values.Get("pcode"); pcode != "" {
		p.Pcode = &pcode
	}
	s, err := searchOf(p)
	if err != nil {
		panic(err)
	}
	var none []found
	done := s.build(models.Session(&gorm.Session{NewDB: true, DryRun: true}).Model(&found{})).Order("name, id").Limit(51).Find(&none)
	return done.Statement.SQL.String(), done.Statement.Vars
}
