package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Vault encrypts the few secrets that must be kept readable, such as those of one-time codes:
// a stolen copy of the database does not open them. It is safe for concurrent use.
type Vault struct {
	keys [][]byte // the first seals, all open
	open []cipher.AEAD
}

// sealed begins every sealed text, so that a later way of sealing can be told apart.
const sealed = "v1."

const vaultKeyBytes = 32

// LoadOrCreateVault reads the vault's keys from file: 32 bytes in base64, one key a line. The
// first line seals; the others still open what they sealed, so a key is changed by putting a new
// one on top. Where there is no file it writes one with a new key, readable by its owner alone;
// processes that start together end up with the same key. A file that anyone on the machine may
// read is refused.
func LoadOrCreateVault(file string) (*Vault, error) {
	v, err := loadVault(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	var key [vaultKeyBytes]byte
	rand.Read(key[:]) // never fails
	if err := createFile(file, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n")); err != nil {
		return nil, fmt.Errorf("creating encryption key: %w", err)
	}
	return loadVault(file)
}

func loadVault(file string) (*Vault, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("encryption key: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("encryption key %s: mode %04o lets everyone use it; make it 0600", file, info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("encryption key: %w", err)
	}
	var keys [][]byte
	for _, line := range bytes.Fields(text) {
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != vaultKeyBytes {
			return nil, fmt.Errorf("encryption key %s: each line must be %d bytes in base64", file, vaultKeyBytes)
		}
		keys = append(keys, key)
	}
	return newVault(keys)
}

func newVault(keys [][]byte) (*Vault, error) {
	if len(keys) == 0 {
		return nil, errors.New("encryption key: the file is empty")
	}
	v := &Vault{keys: keys}
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("encryption key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("encryption key: %w", err)
		}
		v.open = append(v.open, aead)
	}
	return v, nil
}

// Seal encrypts a secret (AES-256-GCM). context names what it belongs to, such as the user's id:
// the sealed text opens only under the same context, so it cannot be moved to another row.
func (v *Vault) Seal(secret, context string) string {
	return sealed + base64.RawURLEncoding.EncodeToString(v.open[0].Seal(nil, nil, []byte(secret), []byte(context)))
}

// Open decrypts what Seal made under the same context.
func (v *Vault) Open(text, context string) (string, error) {
	encoded, ok := strings.CutPrefix(text, sealed)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", errors.New("sealed secret: not one of ours")
	}
	for _, aead := range v.open {
		if secret, err := aead.Open(nil, nil, raw, []byte(context)); err == nil {
			return string(secret), nil
		}
	}
	return "", errors.New("sealed secret: no key opens it")
}

// DeriveKey returns 32 bytes for another purpose, the same on every process with this vault.
func (v *Vault) DeriveKey(purpose string) []byte { return derive(v.keys[0], purpose) }

func derive(from []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, from, nil, purpose, vaultKeyBytes)
	if err != nil {
		panic(err) // only for lengths that SHA-256 cannot give
	}
	return key
}

// createFile writes a whole file beside its place, then links it there: linking fails where
// another process was first, and then its file is the one to use.
func createFile(file string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), file); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Sign authenticates a message that leaves the house and comes back, such as a link: 32 bytes
// (HMAC-SHA256) under a key of the purpose's own.
func (v *Vault) Sign(purpose string, message []byte) []byte {
	return signed(v.keys[0], purpose, message)
}

// Verify tells whether any of the vault's keys has signed the message for this purpose.
func (v *Vault) Verify(purpose string, message, signature []byte) bool {
	good := false
	for _, key := range v.keys {
		good = hmac.Equal(signed(key, purpose, message), signature) || good
	}
	return good
}

func signed(key []byte, purpose string, message []byte) []byte {
	mac := hmac.New(sha256.New, derive(key, "sign "+purpose))
	_, _ = mac.Write(message)
	return mac.Sum(nil)
}
