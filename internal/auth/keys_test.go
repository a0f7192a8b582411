package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/waystation/waystation/internal/auth"
)

func newKey(t testing.TB) (auth.Key, ed25519.PrivateKey) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.pem")
	k, err := auth.LoadOrCreateKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return k, readPrivate(t, file)
}

func readPrivate(t testing.TB, file string) ed25519.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return private.(ed25519.PrivateKey)
}

func writePEM(t *testing.T, file, kind string, der []byte, mode os.FileMode) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file, text, mode); err != nil {
		t.Fatal(err)
	}
}

func TestLoadOrCreateKey_CreatesOnceForItsOwnerAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	var ids [8]string
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			k, err := auth.LoadOrCreateKey(file)
			if err != nil {
				t.Error(err)
			}
			ids[i] = k.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("processes that start together have different keys: %v", ids)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".key-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadOrCreateKey_Refuses(t *testing.T) {
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	good, _ := x509.MarshalPKCS8PrivateKey(private)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec, _ := x509.MarshalPKCS8PrivateKey(other)
	public, _ := x509.MarshalPKIXPublicKey(private.Public())
	for name, c := range map[string]struct {
		kind string
		der  []byte
		mode os.FileMode
	}{
		"a key everyone may read": {"PRIVATE KEY", good, 0o644},
		"another kind of key":     {"PRIVATE KEY", ec, 0o600},
		"a public key":            {"PUBLIC KEY", public, 0o600},
		"rubbish":                 {"PRIVATE KEY", []byte("x"), 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key.pem")
			writePEM(t, file, c.kind, c.der, c.mode)
			if _, err := auth.LoadOrCreateKey(file); err == nil {
				t.Error("accepted")
			}
		})
	}
	t.Run("no PEM at all", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "key.pem")
		os.WriteFile(file, []byte("hello"), 0o600)
		if _, err := auth.LoadOrCreateKey(file); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("a directory that is not there", func(t *testing.T) {
		if _, err := auth.LoadOrCreateKey(filepath.Join(t.TempDir(), "none", "key.pem")); err == nil {
			t.Error("accepted")
		}
	})
}

func TestKeyID_IsTheThumbprintOfRFC8037(t *testing.T) {
	x, _ := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(x))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writePEM(t, filepath.Join(dir, "old.pem"), "PUBLIC KEY", der, 0o644)
	keys, err := auth.LoadPublicKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; len(keys) != 1 || keys[0].ID != want {
		t.Errorf("keys %v, want one with id %s (RFC 8037 appendix A.3)", keys, want)
	}
}

func TestLoadPublicKeys(t *testing.T) {
	if keys, err := auth.LoadPublicKeys(""); err != nil || len(keys) != 0 {
		t.Errorf("no directory: %v, %v", keys, err)
	}
	if _, err := auth.LoadPublicKeys(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that is not there was accepted")
	}
	dir := t.TempDir()
	old, err := auth.LoadOrCreateKey(filepath.Join(dir, "was-signing.pem"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.LoadPublicKeys(dir)
	if err != nil || len(keys) != 1 || keys[0].ID != old.ID {
		t.Errorf("a key that used to sign: %v, %v", keys, err)
	}
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalPKIXPublicKey(other.Public())
	writePEM(t, filepath.Join(dir, "ec.pem"), "PUBLIC KEY", der, 0o644)
	if _, err := auth.LoadPublicKeys(dir); err == nil {
		t.Error("another kind of key was accepted")
	}
}

func TestJWKS(t *testing.T) {
	current, _ := newKey(t)
	old, _ := newKey(t)
	set := auth.NewKeySet(current.PublicKey, old.PublicKey, current.PublicKey)
	var document struct{ Keys []map[string]string }
	if err := json.Unmarshal(set.JWKS(), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Keys) != 2 || document.Keys[0]["kid"] != current.ID || document.Keys[1]["kid"] != old.ID {
		t.Fatalf("want the signing key, then the old one, each once: %s", set.JWKS())
	}
	for name, want := range map[string]string{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA"} {
		if document.Keys[0][name] != want {
			t.Errorf("%s is %q, want %q", name, document.Keys[0][name], want)
		}
	}
	x, err := base64.RawURLEncoding.DecodeString(document.Keys[0]["x"])
	if err != nil || !bytes.Equal(x, current.Ed25519) {
		t.Error("x is not the public key")
	}
	if len(document.Keys[0]) != 6 {
		t.Errorf("unexpected members: %v", document.Keys[0])
	}
}
