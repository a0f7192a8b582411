package cli

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/demo"
	"github.com/waystation/waystation/internal/config"
)

// Seed fills an empty database with the demonstration.
func Seed(ctx context.Context) error {
	c, stop, err := setup(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return prepareDemo(ctx, c)
}

func prepareDemo(ctx context.Context, c config.Config) error {
	if c.Production() {
		return fmt.Errorf("the demonstration has well-known passwords: it is for development mode only")
	}
	if err := app.Migrate(ctx, c.DatabaseOwnerURL.Reveal()); err != nil {
		return err
	}
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer a.Close()
	return demo.Seed(ctx, a)
}

// welcome prints the way in.
func welcome(w io.Writer, address net.Addr) {
	_, port, _ := net.SplitHostPort(address.String())
	base := "http://localhost:" + port
	fmt.Fprintf(w, `
Waystation is ready.

  Documentation  %[1]s/docs
  Sign-ins       ROLE.CENTRE@demo.example, such as caseworker.agadez@demo.example
                 roles: registrar caseworker case_supervisor centre_manager tenant_admin dpo auditor …
                 centres: agadez arlit dirkou niamey
                 the network: network_officer@demo.example
                 password: %[2]s
  Systems        partner    %[3]s  %[4]s
                 government %[5]s  %[6]s

  Try it:
    TOKEN=$(curl -s %[1]s/v1/auth/sign-in -H 'Content-Type: application/json' \
      -d '{"email":"caseworker.agadez@demo.example","password":"%[2]s"}' | jq -r .access_token)
    curl -s %[1]s/v1/me -H "Authorization: Bearer $TOKEN" | jq

  Walk through the main job:  make walks BASE_URL=%[1]s
  Stop with Ctrl-C; the data stay.

`, base, demo.Password, demo.Clients[0].ID, demo.Clients[0].Secret, demo.Clients[2].ID, demo.Clients[2].Secret)
}
