package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Prefixes tell a person, a log filter or a secret scanner what it has found.
const (
	RefreshTokenPrefix = "wsr_"
	ClientSecretPrefix = "wss_"
)

// NewSecret returns the prefix and 32 random bytes in base64url: an opaque token
// to show once. Store only its [HashSecret].
func NewSecret(prefix string) string {
	var b [32]byte
	rand.Read(b[:]) // never fails: the process ends where there is no randomness
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// HashSecret returns the SHA-256 of a secret, 32 bytes. A plain hash is enough:
// nobody can guess 256 random bits, so there is nothing to slow down.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// SameHash compares two hashes in constant time. Absent hashes never match.
func SameHash(a, b []byte) bool {
	return len(a) == sha256.Size && subtle.ConstantTimeCompare(a, b) == 1
}
