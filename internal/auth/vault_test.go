package auth_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waystation/waystation/internal/auth"
)

func vault(t *testing.T, file string) *auth.Vault {
	t.Helper()
	v, err := auth.LoadOrCreateVault(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVault_OpensWhatItSealedUnderTheSameContextOnly(t *testing.T) {
	v := vault(t, filepath.Join(t.TempDir(), "keys"))
	text := v.Seal("secret", "user 1")
	if strings.Contains(text, "secret") || text == v.Seal("secret", "user 1") {
		t.Errorf("sealed as %q", text)
	}
	if got, err := v.Open(text, "user 1"); err != nil || got != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	flipped := []byte(text)
	flipped[len(flipped)-3] ^= 1
	for name, c := range map[string][2]string{
		"another's": {text, "user 2"}, "changed": {string(flipped), "user 1"}, "cut": {text[:20], "user 1"},
		"plain": {"secret", "user 1"}, "empty": {"", "user 1"}, "no version": {strings.TrimPrefix(text, "v1."), "user 1"},
	} {
		if got, err := v.Open(c[0], c[1]); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
}

func TestVault_AnOldKeyStillOpens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	old := vault(t, file)
	text := old.Seal("secret", "x")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(t.TempDir(), "keys")
	fresh := vault(t, next)
	if _, err := fresh.Open(text, "x"); err == nil {
		t.Fatal("a stranger's key opens it")
	}
	second, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(next, append(second, first...), 0o600); err != nil {
		t.Fatal(err)
	}
	both := vault(t, next)
	if got, err := both.Open(text, "x"); err != nil || got != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := old.Open(both.Seal("new", "x"), "x"); err == nil {
		t.Error("the old key still seals")
	}
}

func TestVault_DerivesADifferentKeyForEachPurpose(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	v := vault(t, file)
	if a, b := v.DeriveKey("a"), v.DeriveKey("b"); len(a) != 32 || bytes.Equal(a, b) {
		t.Errorf("keys %x, %x", a, b)
	}
	if !bytes.Equal(v.DeriveKey("a"), vault(t, file).DeriveKey("a")) {
		t.Error("another process derives another key")
	}
}

func TestVault_ProcessesThatStartTogetherShareOneKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	texts := make([]string, 8)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() {
			if v, err := auth.LoadOrCreateVault(file); err == nil {
				texts[i] = v.Seal("secret", "x")
			}
		})
	}
	wg.Wait()
	last := vault(t, file)
	for _, text := range texts {
		if _, err := last.Open(text, "x"); err != nil {
			t.Error(err)
		}
	}
}

func TestVault_RefusesBadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"empty": {"", 0o600}, "short key": {"c2hvcnQ=", 0o600}, "no base64": {strings.Repeat("!", 44), 0o600},
		"readable by all": {"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", 0o644},
	} {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.LoadOrCreateVault(file); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := auth.LoadOrCreateVault(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil {
		t.Error("a folder that is not there: accepted")
	}
}

func TestVault_SignaturesOutliveTheKeyThatMadeThem(t *testing.T) {
	key := func(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) + "\n" }
	with := func(keys string) *auth.Vault {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
		return vault(t, file)
	}
	old, rotated := with(key(1)), with(key(2)+key(1))
	signature := old.Sign("link", []byte("message"))
	for name, c := range map[string]struct {
		vault            *auth.Vault
		purpose, message string
		want             bool
	}{
		"the same keys": {old, "link", "message", true}, "a key on top": {rotated, "link", "message", true},
		"another purpose": {old, "card", "message", false}, "another message": {old, "link", "massage", false},
	} {
		if got := c.vault.Verify(c.purpose, []byte(c.message), signature); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if old.Verify("link", []byte("message"), rotated.Sign("link", []byte("message"))) {
		t.Error("a key that the vault has not got is believed")
	}
}
