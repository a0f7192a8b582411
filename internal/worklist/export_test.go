package worklist

import (
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// Statement is the first page of the list as the database is asked for it, for somebody with the same roles in all centres.
func Statement(models *gorm.DB, me uuid.UUID, roles []string, whom string, centres ...uuid.UUID) (sql string, args []any) {
	seen := sight{centres: centres, roles: roles}
	for kind := range scopes {
		seen.kinds = append(seen.kinds, kind)
	}
	slices.Sort(seen.kinds)
	done := narrow(models.Model(&Entry{}), me, []sight{seen}, whom).Order(sorts["due_at"].SQL + ", id").Limit(51).Find(&[]Entry{})
	return done.Statement.SQL.String(), done.Statement.Vars
}
