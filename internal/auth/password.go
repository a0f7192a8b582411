package auth

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/secure/precis"
)

// PasswordParams are the argon2id parameters of new hashes, and the least that
// NewPasswords accepts: 19 MiB, two passes, one lane (OWASP Password Storage
// Cheat Sheet). Hashes made with other parameters stay valid and are renewed at
// the next sign-in.
var PasswordParams = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Passwords hashes and checks passwords, a bounded number at a time: each takes
// the memory of its parameters, and a flood of sign-ins must not take the machine's.
type Passwords struct {
	params argon2id.Params
	slots  chan struct{}
	decoy  string // hash of no password
}

// NewPasswords returns a hasher that runs at most concurrent hashes at once.
func NewPasswords(params argon2id.Params, concurrent int) (*Passwords, error) {
	least := PasswordParams
	if params.Memory < least.Memory || params.Iterations < least.Iterations || params.Parallelism < 1 || params.SaltLength < 16 || params.KeyLength < 16 {
		return nil, errors.New("password hashing: parameters below 19 MiB, t=2, p=1, 16 bytes")
	}
	if concurrent < 1 {
		return nil, errors.New("password hashing: needs room for at least one hash")
	}
	decoy, err := argon2id.CreateHash(NewSecret(""), &params)
	if err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	return &Passwords{params, make(chan struct{}, concurrent), decoy}, nil
}

// Hash returns the argon2id hash of a password in PHC form, with parameters and
// salt. It waits for its turn until ctx ends, then returns ErrUnavailable.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	normal, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", ErrPasswordCharacters
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return argon2id.CreateHash(normal, &p.params)
}

// Verify reports whether the password fits the hash, and if so whether the hash
// should be renewed with Hash because its parameters are no longer ours. An empty
// hash stands for an unknown user: it takes as long as a known one and never
// fits. It waits for its turn until ctx ends, then returns ErrUnavailable.
func (p *Passwords) Verify(ctx context.Context, password, hash string) (ok, renew bool, err error) {
	normal, unusable := precis.OpaqueString.String(password)
	real := hash != "" && unusable == nil
	if !real {
		normal, hash = password, p.decoy
	}
	if err := p.enter(ctx); err != nil {
		return false, false, err
	}
	defer p.leave()
	match, params, err := argon2id.CheckHash(normal, hash)
	if err != nil {
		return false, false, fmt.Errorf("checking password: %w", err)
	}
	ok = match && real
	return ok, ok && *params != p.params, nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: too many sign-ins at once: %w", ErrUnavailable, ctx.Err())
	}
}

func (p *Passwords) leave() { <-p.slots }

// What [PasswordPolicy.Check] may refuse.
var (
	ErrPasswordShort      = errors.New("password is too short")
	ErrPasswordLong       = errors.New("password is too long")
	ErrPasswordCharacters = errors.New("password has characters that cannot be typed")
	ErrPasswordCommon     = errors.New("password is among the first that an attacker would try")
	ErrPasswordEmail      = errors.New("password contains the e-mail address")
)

// PasswordPolicy is what a new password must be. It asks for length, not for
// kinds of characters (NIST SP 800-63B section 5.1.1.2).
type PasswordPolicy struct {
	MinLength int // in characters
	MaxLength int // in characters
}

// DefaultPasswordPolicy asks for 12 to 256 characters.
var DefaultPasswordPolicy = PasswordPolicy{MinLength: 12, MaxLength: 256}

// Check returns the first rule that a new password breaks, one of the
// ErrPassword… errors, or nil.
func (p PasswordPolicy) Check(password, email string) error {
	normal, err := precis.OpaqueString.String(password)
	length := utf8.RuneCountInString(normal)
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	lower := strings.ToLower(normal)
	switch {
	case err != nil && password != "":
		return ErrPasswordCharacters
	case length < p.MinLength:
		return ErrPasswordShort
	case length > p.MaxLength:
		return ErrPasswordLong
	case len(local) >= 4 && strings.Contains(lower, local): // a shorter name is in many words
		return ErrPasswordEmail
	case obvious(lower):
		return ErrPasswordCommon
	}
	return nil
}

//go:embed common_passwords.txt
var commonList string

// commonWords are the words that most guessed passwords are made of, in the
// languages of our users.
var commonWords = func() map[string]struct{} {
	words := map[string]struct{}{}
	for _, w := range strings.Fields(commonList) {
		words[w] = struct{}{}
	}
	return words
}()

// runs are what a finger does on a keyboard or on the alphabet.
var runs = []string{
	"01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba",
	"qwertyuiopasdfghjklzxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "qwertzuiopasdfghjklyxcvbnm", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
}

// unleet undoes the spellings that every cracking tool tries.
var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// obvious finds passwords that are long but not hard: one or two common words with
// digits or signs around them, a short unit repeated, a run of keys.
func obvious(lower string) bool {
	if repeats(lower) {
		return true
	}
	for _, run := range runs {
		if strings.Contains(run, lower) {
			return true
		}
	}
	return common(letters(lower)) || common(letters(unleet.Replace(lower))) || common(letters(unleet.Replace(trim(lower))))
}

// trim cuts digits and signs from both ends, before they are taken for letters.
func trim(s string) string {
	return strings.Trim(s, "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (r < 'a' || r > 'z') {
			return -1
		}
		return r
	}, s)
}

// common reports whether s is one common word, two of them, or one repeated.
func common(s string) bool {
	if _, ok := commonWords[s]; ok {
		return true
	}
	for i := 1; i < len(s); i++ {
		_, head := commonWords[s[:i]]
		_, tail := commonWords[s[i:]]
		if head && tail {
			return true
		}
	}
	return len(s) > 0 && repeats(s)
}

// repeats reports whether s is a unit of up to four bytes, or a common word, over and over.
func repeats(s string) bool {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n != 0 || strings.Repeat(s[:n], len(s)/n) != s {
			continue
		}
		_, word := commonWords[s[:n]]
		return n <= 4 || word
	}
	return false
}
