package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Key signs our tokens.
type Key struct {
	PublicKey
	private ed25519.PrivateKey
}

// PublicKey checks our tokens. ID is its RFC 7638 thumbprint, the `kid` of a token.
type PublicKey struct {
	ID      string
	Ed25519 ed25519.PublicKey
}

func newKey(private ed25519.PrivateKey) Key {
	return Key{newPublicKey(private.Public().(ed25519.PublicKey)), private}
}

func newPublicKey(public ed25519.PublicKey) PublicKey {
	// RFC 7638 section 3: the required members, in lexical order, without spaces (RFC 8037 names them for OKP).
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"Ed25519","kty":"OKP","x":"%s"}`, base64.RawURLEncoding.EncodeToString(public)))
	return PublicKey{ID: base64.RawURLEncoding.EncodeToString(sum[:]), Ed25519: public}
}

// LoadOrCreateKey reads the Ed25519 signing key (PKCS #8, PEM) in file. Where
// there is none it writes a new one, readable by its owner alone. Processes that
// start together end up with the same key. A key that anyone on the machine may
// read is refused.
func LoadOrCreateKey(file string) (Key, error) {
	k, err := loadKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := createKey(file); err != nil {
		return Key{}, fmt.Errorf("creating signing key: %w", err)
	}
	return loadKey(file)
}

func loadKey(file string) (Key, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Key{}, fmt.Errorf("signing key: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return Key{}, fmt.Errorf("signing key %s: mode %04o lets everyone use it; make it 0600", file, info.Mode().Perm())
	}
	parsed, err := readPEM(file)
	if err != nil {
		return Key{}, err
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("signing key %s: want an Ed25519 private key, have %T", file, parsed)
	}
	return newKey(private), nil
}

func createKey(file string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return createFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// LoadPublicKeys reads the keys of every .pem file in directory, public or
// private: those that no longer sign (or do not sign yet) but whose tokens are
// to be accepted. To rotate without refusing anyone, put the new key here on
// every machine, then make it the signing key and leave the old one here until
// its last token has expired. An empty name gives no keys.
func LoadPublicKeys(directory string) ([]PublicKey, error) {
	if directory == "" {
		return nil, nil
	}
	if _, err := os.Stat(directory); err != nil {
		return nil, fmt.Errorf("verification keys: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.pem"))
	if err != nil {
		return nil, fmt.Errorf("verification keys: %w", err)
	}
	keys := make([]PublicKey, 0, len(files))
	for _, file := range files {
		k, err := loadPublicKey(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func loadPublicKey(file string) (PublicKey, error) {
	parsed, err := readPEM(file)
	if err != nil {
		return PublicKey{}, err
	}
	switch k := parsed.(type) {
	case ed25519.PublicKey:
		return newPublicKey(k), nil
	case ed25519.PrivateKey:
		return newKey(k).PublicKey, nil
	}
	return PublicKey{}, fmt.Errorf("verification key %s: want an Ed25519 key, have %T", file, parsed)
}

// readPEM parses the one PKCS #8 private or PKIX public key of a file.
func readPEM(file string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("key %s: no PEM block", file)
	}
	parse := x509.ParsePKCS8PrivateKey
	if block.Type == "PUBLIC KEY" {
		parse = x509.ParsePKIXPublicKey
	}
	parsed, err := parse(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	return parsed, nil
}

// Sign signs a statement of ours that is no token. It must begin with what it is, so that it can
// never be taken for another one; a token begins with base64url of a JSON object.
func (k Key) Sign(statement []byte) []byte { return ed25519.Sign(k.private, statement) }

// KeySet holds the keys whose tokens we accept.
type KeySet struct {
	byID map[string]ed25519.PublicKey
	jwks []byte
}

// NewKeySet returns the signing key and the others, each once.
func NewKeySet(current PublicKey, others ...PublicKey) *KeySet {
	type jwk struct {
		KeyType   string `json:"kty"`
		Curve     string `json:"crv"`
		X         string `json:"x"`
		ID        string `json:"kid"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
	}
	s := &KeySet{byID: map[string]ed25519.PublicKey{}}
	var document struct {
		Keys []jwk `json:"keys"`
	}
	for _, k := range append([]PublicKey{current}, others...) {
		if _, twice := s.byID[k.ID]; twice {
			continue
		}
		s.byID[k.ID] = k.Ed25519
		document.Keys = append(document.Keys, jwk{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(k.Ed25519), k.ID, "sig", "EdDSA"})
	}
	s.jwks, _ = json.Marshal(document) // strings only: cannot fail
	return s
}

// Verify tells whether the key with this id signed a statement (see [Key.Sign]), and whether the
// set has that key at all.
func (s *KeySet) Verify(keyID string, statement, signature []byte) (good, known bool) {
	key, known := s.byID[keyID]
	return known && ed25519.Verify(key, statement, signature), known
}

// JWKS returns the set as a JSON document (RFC 7517), the signing key first.
func (s *KeySet) JWKS() []byte { return s.jwks }
