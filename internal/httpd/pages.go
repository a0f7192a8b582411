package httpd

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/api/docs"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
)

// everyone in x-roles stands for every role of the code list staff_role; auth.SignedIn, which
// goes further, for any member of staff.
const everyone = "everyone"

// Permissions reads who holds which scope from the spec's x-roles.
func Permissions(spec *openapi3.T) *auth.Permissions {
	roles := map[string][]string{}
	listed, _ := spec.Components.SecuritySchemes["oauth2"].Value.Extensions["x-roles"].(map[string]any)
	for scope, held := range listed {
		roles[scope] = nil
		for _, role := range held.([]any) {
			if role == everyone {
				roles[scope] = allRoles()
				break
			}
			roles[scope] = append(roles[scope], role.(string))
		}
	}
	return auth.NewPermissions(roles)
}

// ClientScopes reads from the spec's x-client-scopes which scopes another system may be granted.
// A scope that nothing asks for yet is left out.
func ClientScopes(spec *openapi3.T) []string {
	scheme := spec.Components.SecuritySchemes["oauth2"].Value
	listed, _ := scheme.Extensions["x-client-scopes"].([]any)
	var scopes []string
	for _, v := range listed {
		scope, _ := v.(string)
		if _, declared := scheme.Flows.ClientCredentials.Scopes[scope]; declared {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

func allRoles() []string {
	list, _ := codelist.Get("staff_role")
	roles := make([]string, len(list.Entries))
	for i, e := range list.Entries {
		roles[i] = e.Code
	}
	return roles
}

// MountPages adds what is beside the API: the contract, its documentation, the metrics.
func (s *Server) MountPages(withDocs bool, registry *prometheus.Registry) error {
	s.Echo.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	asJSON, err := api.GetSpecJSON()
	if err != nil {
		return err
	}
	s.Echo.GET("/openapi.json", blob("application/json", asJSON))
	s.Echo.GET("/openapi.yaml", blob("application/yaml", api.YAML))
	if withDocs {
		s.Echo.GET("/docs", page)
		s.Echo.GET("/docs/:name", page)
	}
	return nil
}

func blob(mediaType string, content []byte) echo.HandlerFunc {
	return func(c echo.Context) error { return c.Blob(http.StatusOK, mediaType, content) }
}

func page(c echo.Context) error {
	name := c.Param("name")
	if name == "" {
		name = "index.html"
	} else {
		c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	content, err := fs.ReadFile(docs.Files, path.Base(name))
	if err != nil {
		return echo.ErrNotFound
	}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, docs.ContentSecurityPolicy)
	mediaType := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}[path.Ext(name)]
	return c.Stream(http.StatusOK, mediaType, bytes.NewReader(content))
}
