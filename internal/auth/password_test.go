package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waystation/waystation/internal/auth"
)

func newPasswords(t testing.TB, concurrent int) *auth.Passwords {
	t.Helper()
	p, err := auth.NewPasswords(auth.PasswordParams, concurrent)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswords_Verify(t *testing.T) {
	p := newPasswords(t, 2)
	hash, err := p.Hash(t.Context(), "café au lait, 7 h")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	for name, c := range map[string]struct {
		password, hash string
		ok             bool
	}{
		"right":                           {"café au lait, 7 h", hash, true},
		"right, typed on another machine": {"cafe\u0301 au lait, 7 h", hash, true},
		"wrong":                           {"cafe au lait, 7 h", hash, false},
		"empty":                           {"", hash, false},
		"control characters":              {"café\x00", hash, false},
		"unknown user":                    {"café au lait, 7 h", "", false},
		"unknown user, empty":             {"", "", false},
	} {
		ok, renew, err := p.Verify(t.Context(), c.password, c.hash)
		if ok != c.ok || renew || err != nil {
			t.Errorf("%s: %v, %v, %v", name, ok, renew, err)
		}
	}
	if again, _ := p.Hash(t.Context(), "café au lait, 7 h"); again == hash {
		t.Error("two hashes with the same salt")
	}
}

func TestPasswords_UnknownUserTakesAsLong(t *testing.T) {
	p := newPasswords(t, 1)
	hash, err := p.Hash(t.Context(), "a rather long sentence")
	if err != nil {
		t.Fatal(err)
	}
	fastest := func(hash string) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			p.Verify(t.Context(), "another long sentence", hash)
			best = min(best, time.Since(start))
		}
		return best
	}
	known, unknown := fastest(hash), fastest("")
	if unknown < known/3 { // a lookup alone would take a thousandth
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}

func TestPasswords_RenewsHashesOfOtherParameters(t *testing.T) {
	weak := newPasswords(t, 1)
	params := auth.PasswordParams
	params.Iterations = 3
	strong, err := auth.NewPasswords(params, 1)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := weak.Hash(t.Context(), "a rather long sentence")
	if err != nil {
		t.Fatal(err)
	}
	if ok, renew, err := strong.Verify(t.Context(), "a rather long sentence", hash); !ok || !renew || err != nil {
		t.Errorf("right: %v, %v, %v", ok, renew, err)
	}
	if ok, renew, err := strong.Verify(t.Context(), "wrong", hash); ok || renew || err != nil {
		t.Errorf("wrong: %v, %v, %v", ok, renew, err)
	}
}

func TestPasswords_Errors(t *testing.T) {
	p := newPasswords(t, 1)
	if ok, _, err := p.Verify(t.Context(), "a rather long sentence", "$2a$10$notargon"); ok || err == nil {
		t.Errorf("a hash of another kind: %v, %v", ok, err)
	}
	if _, err := p.Hash(t.Context(), "bell\a"); !errors.Is(err, auth.ErrPasswordCharacters) {
		t.Errorf("control character: %v", err)
	}
	weak := auth.PasswordParams
	weak.Memory = 18 * 1024
	if _, err := auth.NewPasswords(weak, 1); err == nil {
		t.Error("weak parameters accepted")
	}
	if _, err := auth.NewPasswords(auth.PasswordParams, 0); err == nil {
		t.Error("no room accepted")
	}
}

func TestPasswords_WaitsItsTurnThenGivesUp(t *testing.T) {
	params := auth.PasswordParams
	params.Iterations = 20 // long enough for the second to be waiting
	p, err := auth.NewPasswords(params, 1)
	if err != nil {
		t.Fatal(err)
	}
	started, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		close(started)
		p.Hash(context.Background(), "a rather long sentence")
	}()
	<-started
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Hash(ctx, "another long sentence"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("Hash: %v, want ErrUnavailable", err)
	}
	if _, _, err := p.Verify(ctx, "another long sentence", ""); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("Verify: %v, want ErrUnavailable", err)
	}
	<-done
	if _, err := p.Hash(t.Context(), "another long sentence"); err != nil {
		t.Errorf("after its turn came: %v", err)
	}
}

func TestPasswordPolicy(t *testing.T) {
	for password, want := range map[string]error{
		"blue heron over cold water":    nil,
		"tR8#vq-Lm2!zXo":                nil,
		"مركز الهجرة قرب النهر":         nil,
		"العربية٠١٢٣٤٥":                 nil,
		"7316-4402-9951-0873":           nil,
		"short":                         auth.ErrPasswordShort,
		"":                              auth.ErrPasswordShort,
		"ééééééééééé":                   auth.ErrPasswordShort, // eleven characters, 22 bytes
		strings.Repeat("ab cd fg ", 30): auth.ErrPasswordLong,
		"tab\there and there":           auth.ErrPasswordCharacters,
		"my amina.diallo sentence":      auth.ErrPasswordEmail,
		"AMINA.DIALLO-2025!":            auth.ErrPasswordEmail,
		"password1234":                  auth.ErrPasswordCommon,
		"P@ssw0rd!2025":                 auth.ErrPasswordCommon,
		"Welcome-2025-!":                auth.ErrPasswordCommon,
		"123456789012":                  auth.ErrPasswordCommon,
		"987654321098":                  auth.ErrPasswordCommon,
		"aaaaaaaaaaaaaa":                auth.ErrPasswordCommon,
		"abcabcabcabcabc":               auth.ErrPasswordCommon,
		"passwordpassword":              auth.ErrPasswordCommon,
		"qwertyuiop[]12":                auth.ErrPasswordCommon,
		"1q2w3e4r5t6y":                  auth.ErrPasswordCommon,
		"abcdefghijkl":                  auth.ErrPasswordCommon,
		"motdepasse123":                 auth.ErrPasswordCommon,
		"bienvenido2025":                auth.ErrPasswordCommon,
		"Migration-Centre1":             auth.ErrPasswordCommon,
		"waystation2025":                auth.ErrPasswordCommon,
		"iloveyou!!!!":                  auth.ErrPasswordCommon,
	} {
		if got := auth.DefaultPasswordPolicy.Check(password, "Amina.Diallo@example.org"); got != want {
			t.Errorf("%q: %v, want %v", password, got, want)
		}
	}
	if err := auth.DefaultPasswordPolicy.Check("blue heron over cold water", "her@example.org"); err != nil {
		t.Errorf("a name of three letters is in many words: %v", err)
	}
	lax := auth.PasswordPolicy{MinLength: 8, MaxLength: 20}
	if err := lax.Check("kiv9 zul", ""); err != nil {
		t.Errorf("another policy: %v", err)
	}
}

func BenchmarkPasswordHash(b *testing.B) {
	p := newPasswords(b, 1)
	for b.Loop() {
		if _, err := p.Hash(b.Context(), "a rather long sentence"); err != nil {
			b.Fatal(err)
		}
	}
}
