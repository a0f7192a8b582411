package httpd

import (
	"mime"

	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/wire"
)

// negotiate tells whether a request is answered while the work goes on, outside the buffered
// transaction: always for an operation marked x-stream, and for one marked x-export where the
// caller asks for the rows to take away. The handler finds what was negotiated with wire.Media, and
// what a streamed request was sent as with wire.Sent.
func negotiate(c echo.Context, o *Operation) bool {
	st := stateOf(c)
	st.stream = o.Stream
	if o.Stream {
		sent, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
		c.SetRequest(c.Request().WithContext(wire.WithSent(c.Request().Context(), sent)))
	}
	if len(o.Media) > 1 {
		media := wire.Negotiate(c.Request().Header.Values(echo.HeaderAccept), o.Media...)
		c.SetRequest(c.Request().WithContext(wire.WithMedia(c.Request().Context(), media)))
		st.stream = st.stream || o.Export && media != wire.JSON
	}
	return st.stream
}
