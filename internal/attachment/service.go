package attachment

import (
	"time"

	"github.com/waystation/waystation/internal/files"
)

// Settings bound what is taken in.
type Settings struct {
	PublicURL string // base of links
	MaxSize   int64  // bytes of a file
	MaxImage  int64  // bytes of an image
	MaxPixels int    // of an image
}

// Signer authenticates links; see auth.Vault.
type Signer interface {
	Sign(purpose string, message []byte) []byte
	Verify(purpose string, message, signature []byte) bool
}

// Service is what one process needs to work on attachments.
type Service struct {
	Settings
	Files  *files.Store
	signer Signer
	studio *studio
}

// NewService returns a service that keeps files in store.
func NewService(s Settings, store *files.Store, signer Signer) *Service {
	return &Service{Settings: s, Files: store, signer: signer, studio: newStudio(s.MaxPixels)}
}

// retryAfter is what a caller is told to wait while files cannot be stored.
const retryAfter = 5 * time.Second
