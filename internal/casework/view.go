package casework

import (
	"context"

	"github.com/waystation/waystation/internal/db"
)

// InView narrows a query on cases to those the caller may know of, for what belongs to a case in
// another domain: it is seen by whoever sees the case.
func InView(ctx context.Context) db.Build { return inView(ctx) }
