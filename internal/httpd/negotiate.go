package httpd

import (
	"context"
	"mime"

	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/wire"
)

// negotiate tells whether a request is answered while the work goes on, outside the buffered
// transaction: always for an operation marked x-stream, and for one marked x-export where the
// caller asks for the rows to take away. The handler finds what was negotiated with wire.Media, and
// what a streamed request was sent as with wire.Sent, in the context.
func negotiate(c echo.Context, o *Operation) (context.Context, bool) {
	st, ctx := stateOf(c), c.Request().Context()
	st.stream = o.Stream
	if o.Stream {
		sent, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
		ctx = wire.WithSent(ctx, sent)
	}
	if len(o.Media) > 1 {
		media := wire.Negotiate(c.Request().Header.Values(echo.HeaderAccept), o.Media...)
		ctx = wire.WithMedia(ctx, media)
		st.stream = st.stream || o.Export && media != wire.JSON
	}
	return ctx, st.stream
}
