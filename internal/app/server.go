package app

import (
	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/centre"
)

// Each domain's handlers under a name of their own: an embedded field takes its alias' name.
type (
	accounts = account.Handlers
	centres  = centre.Handlers
)

// server answers every operation of the spec. An operation that no domain implements does
// not compile.
type server struct {
	system
	accounts
	centres
}

var _ api.StrictServerInterface = server{}

func (a *App) server() server {
	return server{
		system: system{app: a},
	}
}
