package auth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/waystation/waystation/internal/auth"
)

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := auth.NewSecret(auth.RefreshTokenPrefix)
		if !strings.HasPrefix(s, "wsr_") || len(s) != len("wsr_")+43 || seen[s] {
			t.Fatalf("secret %q", s)
		}
		seen[s] = true
	}
}

func TestSameHash(t *testing.T) {
	secret := auth.NewSecret(auth.ClientSecretPrefix)
	hash := auth.HashSecret(secret)
	if len(hash) != 32 || !auth.SameHash(hash, auth.HashSecret(secret)) {
		t.Error("the same secret does not match")
	}
	for name, other := range map[string][]byte{"another": auth.HashSecret("x"), "nil": nil, "cut": hash[:31], "longer": append(hash, 0)} {
		if auth.SameHash(hash, other) || auth.SameHash(other, hash) {
			t.Errorf("%s matches", name)
		}
	}
	if auth.SameHash(nil, nil) {
		t.Error("two absent hashes match")
	}
}

// The secret of RFC 6238 appendix B; its codes there have eight digits, of which
// the last six are ours.
const rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestVerifyTOTP_RFC6238(t *testing.T) {
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		step, ok := auth.VerifyTOTP(rfcSecret, code, 0, time.Unix(at, 0))
		if !ok || step != at/30 {
			t.Errorf("at %d: %d, %v", at, step, ok)
		}
	}
}

func TestVerifyTOTP_Window(t *testing.T) {
	code := func(steps int) string {
		c, err := totp.GenerateCode(rfcSecret, noon.Add(time.Duration(steps)*auth.TOTPPeriod))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := noon.Unix() / 30
	for name, c := range map[string]struct {
		code string
		last int64
		step int64
	}{
		"now":                      {code(0), 0, now},
		"one early":                {code(1), 0, now + 1},
		"one late":                 {code(-1), 0, now - 1},
		"two early":                {code(2), 0, 0},
		"two late":                 {code(-2), 0, 0},
		"used":                     {code(0), now, 0},
		"older than the last used": {code(-1), now, 0},
		"the next after the last":  {code(1), now, now + 1},
		"with a space":             {code(0)[:3] + " " + code(0)[3:], 0, now},
		"empty":                    {"", 0, 0},
		"rubbish":                  {"abcdef", 0, 0},
		"too long":                 {code(0) + "0", 0, 0},
	} {
		step, ok := auth.VerifyTOTP(rfcSecret, c.code, c.last, noon)
		if step != c.step || ok != (c.step != 0) {
			t.Errorf("%s: %d, %v", name, step, ok)
		}
	}
	if _, ok := auth.VerifyTOTP("not base32!", "000000", 0, noon); ok {
		t.Error("an unreadable secret accepts a code")
	}
}

func TestNewTOTP(t *testing.T) {
	enrolment, err := auth.NewTOTP("Waystation", "amina@example.org")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(enrolment.URL)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Waystation:amina@example.org" {
		t.Errorf("url %s, %v", enrolment.URL, err)
	}
	if q := u.Query(); q.Get("secret") != enrolment.Secret || q.Get("issuer") != "Waystation" || q.Get("period") != "30" || q.Get("digits") != "6" {
		t.Errorf("query %v", u.Query())
	}
	code, err := totp.GenerateCode(enrolment.Secret, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := auth.VerifyTOTP(enrolment.Secret, code, 0, noon); !ok {
		t.Error("its own code is refused")
	}
	if _, err := auth.NewTOTP("", ""); err == nil {
		t.Error("no names accepted")
	}
}

func TestRecoveryCodes(t *testing.T) {
	codes, hashes := auth.NewRecoveryCodes(10)
	if len(codes) != 10 || len(hashes) != 10 {
		t.Fatal("want ten")
	}
	for i, code := range codes {
		if len(code) != 19 || strings.Count(code, "-") != 3 {
			t.Errorf("code %q", code)
		}
		for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ")} {
			if at, ok := auth.MatchRecoveryCode(typed, hashes); !ok || at != i {
				t.Errorf("%q: %d, %v; want %d", typed, at, ok, i)
			}
		}
	}
	others, _ := auth.NewRecoveryCodes(1)
	for _, code := range []string{others[0], "", codes[0][:18]} {
		if _, ok := auth.MatchRecoveryCode(code, hashes); ok {
			t.Errorf("%q matches", code)
		}
	}
	if _, ok := auth.MatchRecoveryCode(codes[0], hashes[1:]); ok {
		t.Error("a used code works again")
	}
}
