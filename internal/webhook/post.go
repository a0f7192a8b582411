package webhook

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/db"
)

// Settings say where messages may go and how long things last.
type Settings struct {
	Networks    []netip.Prefix // that may be reached although they are not public
	PlainHTTP   bool           // http beside https: for development
	Timeout     time.Duration  // of one attempt
	Kept        time.Duration  // of what was told
	SecretGrace time.Duration  // for which the secret before signs too
}

// guard refuses every address that is not public, after its name was resolved, at each connection.
func (s Settings) guard() *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, n := range s.Networks {
		if n.Addr().Is4() {
			v4 = append(v4, n)
		} else {
			v6 = append(v6, n)
		}
	}
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// client posts messages: directly, as a proxy would look names up itself, and without following redirects.
func (s Settings) client() *http.Client {
	dialer := &net.Dialer{Timeout: s.Timeout, Control: s.guard().Safe}
	return &http.Client{
		Timeout: s.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: s.Timeout, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// poster makes one attempt at a message.
type poster struct {
	client *http.Client
	vault  *auth.Vault
}

// post signs and sends a message. The error is ours: what the receiver does wrong stands in the attempt.
func (p poster) post(ctx context.Context, e *Endpoint, d *Delivery) (Attempt, error) {
	now := db.Now()
	a := Attempt{At: now}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(d.Payload))
	if err != nil {
		return a, err
	}
	signatures, err := p.sign(e, d, now)
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Waystation-Webhooks")
	req.Header.Set(standardwebhooks.HeaderWebhookID, d.ID.String())
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	res, err := p.client.Do(req)
	a.Milliseconds = db.Now().Sub(now).Milliseconds()
	if err != nil {
		a.Error = reasonOf(err)
		return a, ctx.Err()
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection may serve again
	a.answered(res, now)
	return a, nil
}

func (p poster) sign(e *Endpoint, d *Delivery, at time.Time) (string, error) {
	secrets, err := e.secrets(p.vault, at)
	if err != nil {
		return "", err
	}
	for i, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", err
		}
		if secrets[i], err = signer.Sign(d.ID.String(), at, []byte(d.Payload)); err != nil {
			return "", err
		}
	}
	return strings.Join(secrets, " "), nil
}

func (a *Attempt) answered(res *http.Response, now time.Time) {
	a.Status = res.StatusCode
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return
	}
	a.Error = notTaken
	a.retryAfter = retryAfter(res.Header.Get("Retry-After"), now)
}

// retryAfter reads the header in either form, seconds or a date; 0 where it says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func reasonOf(err error) string {
	var late net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return refusedAddress
	case errors.As(err, &late) && late.Timeout():
		return timedOut
	}
	return unreachable
}
