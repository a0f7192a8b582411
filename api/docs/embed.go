// Package docs holds the documentation page: a browser view of openapi.yaml that works without internet access.
package docs

import "embed"

// Files are index.html, which belongs at /docs, and what it loads from /docs/<name>. The bundle has its content hash in its
// name and may be cached for ever; index.html may not.
//
//go:embed index.html docs.css icon.svg redoc-*.js redoc-LICENSE.txt
var Files embed.FS

// ContentSecurityPolicy is the value of the header that the page works under. Redoc writes its styles into the page
// (style-src 'unsafe-inline'), runs its search in a worker made from a blob, and draws small icons from data URLs; it needs
// neither inline scripts nor eval, and reads the spec from this server only.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
