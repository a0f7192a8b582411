package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

var statuses = map[fault.Kind]int{
	fault.Internal: 500, fault.Malformed: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
	fault.Conflict: 409, fault.Gone: 410, fault.Stale: 412, fault.TooLarge: 413, fault.Unsupported: 415, fault.Invalid: 422,
	fault.Precondition: 428, fault.TooMany: 429, fault.Unavailable: 503, fault.Moved: 308,
}

// titles are the problem titles in the languages of the API, by status.
var titles = map[int]map[string]string{
	308: {"en": "Merged into another record", "fr": "Fusionné avec un autre dossier", "ar": "تم الدمج في سجل آخر", "es": "Fusionado con otro registro"},
	400: {"en": "The request is not understood", "fr": "La requête n’est pas comprise", "ar": "الطلب غير مفهوم", "es": "No se entiende la solicitud"},
	401: {"en": "Sign in first", "fr": "Connectez-vous d’abord", "ar": "يرجى تسجيل الدخول أولاً", "es": "Inicie sesión primero"},
	403: {"en": "The right to do this is missing", "fr": "Le droit nécessaire fait défaut", "ar": "لا تملك الصلاحية اللازمة", "es": "Falta el permiso necesario"},
	404: {"en": "Not found", "fr": "Introuvable", "ar": "غير موجود", "es": "No encontrado"},
	405: {"en": "The method is not allowed here", "fr": "Méthode non autorisée ici", "ar": "الطريقة غير مسموح بها هنا", "es": "Método no permitido aquí"},
	409: {"en": "The current state does not allow this", "fr": "L’état actuel ne le permet pas", "ar": "الحالة الراهنة لا تسمح بذلك", "es": "El estado actual no lo permite"},
	410: {"en": "No longer kept", "fr": "N’est plus conservé", "ar": "لم يعد محفوظاً", "es": "Ya no se conserva"},
	412: {"en": "Changed by somebody else", "fr": "Modifié entre-temps", "ar": "تم التعديل من قبل شخص آخر", "es": "Modificado por otra persona"},
	413: {"en": "Too large", "fr": "Trop volumineux", "ar": "الحجم كبير جداً", "es": "Demasiado grande"},
	415: {"en": "Unsupported content type", "fr": "Type de contenu non pris en charge", "ar": "نوع المحتوى غير مدعوم", "es": "Tipo de contenido no admitido"},
	422: {"en": "The request breaks a rule", "fr": "La requête enfreint une règle", "ar": "الطلب يخالف قاعدة", "es": "La solicitud incumple una regla"},
	428: {"en": "If-Match is required", "fr": "If-Match est requis", "ar": "الترويسة If-Match مطلوبة", "es": "Se requiere If-Match"},
	429: {"en": "Too many requests", "fr": "Trop de requêtes", "ar": "عدد الطلبات كبير جداً", "es": "Demasiadas solicitudes"},
	500: {"en": "Something went wrong here", "fr": "Une erreur interne est survenue", "ar": "حدث خطأ داخلي", "es": "Se produjo un error interno"},
	503: {"en": "Not available right now", "fr": "Indisponible pour le moment", "ar": "غير متاح حالياً", "es": "No disponible en este momento"},
}

// Problem answers any error as application/problem+json. It is the only error handler: a fault
// speaks for itself, a database error by its constraint, an unknown error says nothing but its id.
func Problem(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	f := asFault(err)
	status := statuses[f.Kind]
	var known *echo.HTTPError
	if f.Kind == fault.Internal && errors.As(err, &known) && known.Code < 500 {
		status = known.Code
		f = fromEcho(known)
	}
	if status >= 500 {
		level := slog.LevelError
		if status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		slog.Log(c.Request().Context(), level, "request failed", "request_id", requestID(c), "path", c.Path(), "status", status, "error", err)
	}
	if st := stateOf(c); st.op != nil && st.op.Form && status >= 400 && status < 429 {
		writeOAuthError(c, f)
		return
	}
	writeProblem(c, f, status)
}

// writeOAuthError is the problem of an OAuth endpoint in the words of RFC 6749 section 5.2.
func writeOAuthError(c echo.Context, f *fault.Error) {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	_ = c.JSON(http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": f.Public})
}

func asFault(err error) *fault.Error {
	var f *fault.Error
	if errors.As(db.Fault(err), &f) {
		return f
	}
	if errors.Is(err, context.Canceled) {
		return fault.New(fault.Unavailable, "canceled", "The caller went away.").Because(err)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		return fault.New(fault.Unsupported, "unsupported_media_type", "This operation takes a body of Content-Type multipart/form-data.").Because(err)
	}
	if errors.Is(err, http.ErrMissingBoundary) {
		return fault.New(fault.Malformed, "invalid_form", "The Content-Type of a form names the boundary between its parts.").Because(err)
	}
	return fault.New(fault.Internal, "internal", "").Because(err)
}

func fromEcho(e *echo.HTTPError) *fault.Error {
	switch e.Code {
	case http.StatusNotFound:
		return fault.Missing()
	case http.StatusMethodNotAllowed:
		return fault.New(fault.Malformed, "method_not_allowed", "This path does not take that method; see Allow.")
	}
	return fault.New(fault.Malformed, "malformed", "The request is not understood.")
}

func writeProblem(c echo.Context, f *fault.Error, status int) {
	lang := codelist.Negotiate(c.Request().Header.Get("Accept-Language"))
	doc := map[string]any{}
	maps.Copy(doc, f.Extra)
	doc["type"] = "/problems/" + f.Code
	doc["title"] = titles[status][lang]
	doc["status"] = status
	doc["code"] = f.Code
	doc["instance"] = "urn:uuid:" + requestID(c)
	if f.Public != "" {
		doc["detail"] = f.Public
	}
	if len(f.Fields) > 0 {
		doc["errors"] = f.Fields
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/problem+json")
	h.Set("Content-Language", lang)
	h.Add(echo.HeaderVary, "Accept-Language")
	h.Set(echo.HeaderCacheControl, "no-store")
	if f.Location != "" {
		h.Set(echo.HeaderLocation, f.Location)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="waystation"`)
	}
	c.Response().WriteHeader(status)
	if c.Request().Method != http.MethodHead {
		_ = json.NewEncoder(c.Response()).Encode(doc)
	}
}
