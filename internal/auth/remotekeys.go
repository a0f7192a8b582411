package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	keysAge        = time.Hour        // older keys are fetched again, behind the back of requests
	keysRetry      = 10 * time.Second // the least time between two fetches, so that invented key ids do no harm
	keysTimeout    = 5 * time.Second  // for one fetch, discovery included
	keysMaxBytes   = 1 << 20
	leastRSABits   = 2048 // RFC 7518 section 3.3
	discoveryPath  = "/.well-known/openid-configuration"
	acceptJWKSType = "application/jwk-set+json, application/json"
)

// remoteKeys are the public keys of an outside issuer: fetched when first needed,
// again when a key id is unknown, and kept for as long as the issuer is out of reach.
type remoteKeys struct {
	issuer, url string // an empty url is discovered
	development bool
	now         func() time.Time
	client      *http.Client

	fetching sync.Mutex // held by the one who fetches

	mu        sync.RWMutex
	keys      map[string]remoteKey
	fetchedAt time.Time
	triedAt   time.Time
	failure   error // of the last try
}

type remoteKey struct {
	algorithm string // "" where the issuer does not say
	public    any
}

func newRemoteKeys(issuer, url string, development bool, now func() time.Time) *remoteKeys {
	client := &http.Client{Timeout: keysTimeout, CheckRedirect: refuseRedirects}
	return &remoteKeys{issuer: issuer, url: url, development: development, now: now, client: client}
}

// find returns the key of an id, if it may be used with the algorithm. The error
// is ErrUnavailable where the issuer could not be asked.
func (r *remoteKeys) find(ctx context.Context, kid, algorithm string) (any, error) {
	k, ok, due := r.have(kid)
	switch {
	case ok && due && r.fetching.TryLock():
		go func() {
			defer r.fetching.Unlock()
			r.refresh(context.WithoutCancel(ctx))
		}()
	case !ok:
		if err := r.refreshFor(ctx, kid); err != nil {
			return nil, err
		}
		k, ok, _ = r.have(kid)
	}
	if !ok {
		return nil, errors.New("unknown kid")
	}
	if k.algorithm != "" && k.algorithm != algorithm {
		return nil, errors.New("key is for another algorithm")
	}
	return k.public, nil
}

// have returns what is known of a key id, and whether the keys should be fetched again.
func (r *remoteKeys) have(kid string) (k remoteKey, ok, due bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k, ok = r.keys[kid]
	now := r.now()
	return k, ok, now.Sub(r.fetchedAt) >= keysAge && now.Sub(r.triedAt) >= keysRetry
}

// refreshFor fetches the keys unless somebody else just did, and returns an error
// if the last fetch failed.
func (r *remoteKeys) refreshFor(ctx context.Context, kid string) error {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	r.mu.RLock()
	_, known := r.keys[kid]
	recent := r.now().Sub(r.triedAt) < keysRetry
	r.mu.RUnlock()
	if !known && !recent {
		r.refresh(context.WithoutCancel(ctx)) // the others who wait should not lose it to one who hangs up
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.failure
}

// refresh replaces the keys, or keeps them where that fails. Hold fetching.
func (r *remoteKeys) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.triedAt, r.failure = r.now(), nil
	if err != nil {
		r.failure = fmt.Errorf("%w: keys of %s: %w", ErrUnavailable, r.issuer, err)
		return
	}
	r.keys, r.fetchedAt = keys, r.triedAt
}

func (r *remoteKeys) fetch(ctx context.Context) (map[string]remoteKey, error) {
	address := r.url
	if address == "" {
		var err error
		if address, err = r.discover(ctx); err != nil {
			return nil, err
		}
	}
	var set jwkset.JWKSMarshal
	if err := r.get(ctx, address, &set); err != nil {
		return nil, err
	}
	keys := map[string]remoteKey{}
	for _, m := range set.Keys {
		if k, ok := usable(m); ok {
			keys[m.KID] = k
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable key")
	}
	return keys, nil
}

// usable skips what does not sign or what we cannot read: one odd key must not
// take the others with it.
func usable(m jwkset.JWKMarshal) (remoteKey, bool) {
	if m.KID == "" || m.USE != "" && m.USE != jwkset.UseSig || m.KTY == jwkset.KtyOct {
		return remoteKey{}, false
	}
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return remoteKey{}, false
	}
	if k, ok := jwk.Key().(*rsa.PublicKey); ok && k.N.BitLen() < leastRSABits {
		return remoteKey{}, false
	}
	return remoteKey{m.ALG.String(), jwk.Key()}, true
}

// discover asks the issuer where its keys are (OpenID Connect Discovery section 4).
func (r *remoteKeys) discover(ctx context.Context) (string, error) {
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := r.get(ctx, strings.TrimSuffix(r.issuer, "/")+discoveryPath, &document); err != nil {
		return "", err
	}
	if document.Issuer != r.issuer {
		return "", errors.New("discovery names another issuer")
	}
	return document.JWKSURI, checkURL(document.JWKSURI, r.development)
}

func (r *remoteKeys) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", acceptJWKSType)
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", address, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, keysMaxBytes)).Decode(into)
}
