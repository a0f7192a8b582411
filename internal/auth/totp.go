package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// TOTPPeriod is how long a one-time code is shown: the default of RFC 6238 and
// the only one that every authenticator app keeps.
const TOTPPeriod = 30 * time.Second

// totpWindow is how many steps a code may be early or late (RFC 6238 section 5.2).
const totpWindow = 1

// TOTP is a new enrolment for one-time codes.
type TOTP struct {
	Secret string // base32, 160 bits; to be stored encrypted
	URL    string // otpauth://…, for the QR code
}

// NewTOTP returns a new secret for the account, under the name that the
// authenticator app will show for us.
func NewTOTP(service, account string) (TOTP, error) {
	k, err := totp.Generate(totp.GenerateOpts{Issuer: service, AccountName: account, Period: uint(TOTPPeriod.Seconds())})
	if err != nil {
		return TOTP{}, fmt.Errorf("enrolling one-time codes: %w", err)
	}
	return TOTP{k.Secret(), k.URL()}, nil
}

// VerifyTOTP reports whether code is right now, or was one step before or will be
// one step after. Codes up to lastStep have been used and are refused: store the
// step returned, in the transaction that signs in (RFC 6238 section 5.2 asks
// that a code works once).
func VerifyTOTP(secret, code string, lastStep int64, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "") // apps show "123 456"
	current := now.Unix() / int64(TOTPPeriod.Seconds())
	for s := current - totpWindow; s <= current+totpWindow; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > lastStep {
			step, ok = s, true
		}
	}
	return step, ok
}

// recoveryAlphabet has no letter that a tired person could take for a digit.
var recoveryAlphabet = base32.NewEncoding("abcdefghjkmnpqrstuvwxyz023456789").WithPadding(base32.NoPadding)

// NewRecoveryCodes returns n codes for a person who has lost their device, and
// the hash of each to store. A code has 80 random bits ("k3f9-…", four groups of
// four), so that even a stolen table of hashes cannot be searched.
func NewRecoveryCodes(n int) (codes []string, hashes [][]byte) {
	for range n {
		var b [10]byte
		rand.Read(b[:]) // never fails
		text := recoveryAlphabet.EncodeToString(b[:])
		codes = append(codes, strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-"))
		hashes = append(hashes, HashSecret(text))
	}
	return codes, hashes
}

// MatchRecoveryCode returns which of the hashes a code belongs to, however it
// was typed. Delete that hash in the same transaction: a code works once.
func MatchRecoveryCode(code string, hashes [][]byte) (index int, ok bool) {
	hash := HashSecret(strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code)))
	for i, h := range hashes {
		if SameHash(h, hash) {
			index, ok = i, true
		}
	}
	return index, ok
}
