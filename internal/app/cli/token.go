package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/internal/account"
	"github.com/waystation/waystation/internal/app"
)

// Token prints a development token and nothing else.
func Token(ctx context.Context, user, client string, ttl time.Duration) error {
	if (user == "") == (client == "") {
		return errors.New("token needs either --user EMAIL or --client ID")
	}
	return withApp(ctx, func(a *app.App) error {
		if a.Config.Production() {
			return errors.New("token works in development mode only; sign in at /v1/auth/sign-in or /v1/oauth/token")
		}
		token, err := account.DevelopmentToken(ctx, a.DB, a.Issuer, cmp.Or(user, client), ttl)
		if err == nil {
			fmt.Println(token)
		}
		return err
	})
}
