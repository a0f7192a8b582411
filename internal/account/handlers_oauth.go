package account

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/wire"
)

// CreateToken is the token endpoint of RFC 6749, for clients and for refreshing.
func (h Handlers) CreateToken(ctx context.Context, req api.CreateTokenRequestObject) (api.CreateTokenResponseObject, error) {
	t, scopes, err := h.token(ctx, *req.Body)
	var refused *oauthError
	if !errors.As(err, &refused) {
		return api.CreateToken200JSONResponse(toToken(t, scopes)), err
	}
	body := toOAuthError(refused)
	if refused.code != "invalid_client" {
		return api.CreateToken400JSONResponse{OAuthErrorJSONResponse: api.OAuthErrorJSONResponse(body)}, nil
	}
	return api.CreateToken401JSONResponse{OAuthClientErrorJSONResponse: api.OAuthClientErrorJSONResponse{
		Body: body, Headers: api.OAuthClientErrorResponseHeaders{WWWAuthenticate: `Basic realm="waystation"`},
	}}, nil
}

func (h Handlers) token(ctx context.Context, b api.TokenRequest) (tokens, []string, error) {
	switch b.GrantType {
	case "client_credentials":
		id, secret, refused := credentials(ctx, b.ClientID, b.ClientSecret)
		if refused != nil {
			return tokens{}, nil, refused
		}
		return h.clientToken(ctx, id, secret, wire.Value(b.Scope))
	case "refresh_token":
		if b.RefreshToken == nil {
			return tokens{}, nil, &oauthError{"invalid_request", "refresh_token is missing."}
		}
		if wire.Value(b.Scope) != "" {
			return tokens{}, nil, &oauthError{"invalid_scope", "What staff may do is in their roles; leave scope out."}
		}
		t, err := h.refresh(ctx, *b.RefreshToken)
		return t, nil, err
	case "":
		return tokens{}, nil, &oauthError{"invalid_request", "grant_type is missing."}
	}
	return tokens{}, nil, &oauthError{"unsupported_grant_type", "Use client_credentials or refresh_token; staff sign in at /v1/auth/sign-in."}
}

// RevokeToken is the revocation endpoint of RFC 7009.
func (h Handlers) RevokeToken(ctx context.Context, req api.RevokeTokenRequestObject) (api.RevokeTokenResponseObject, error) {
	err := h.giveBack(ctx, req.Body.Token)
	var refused *oauthError
	if errors.As(err, &refused) {
		return api.RevokeToken400JSONResponse{OAuthErrorJSONResponse: api.OAuthErrorJSONResponse(toOAuthError(refused))}, nil
	}
	return api.RevokeToken200Response{}, err
}

// GetJWKS tells the keys that our tokens are checked with.
func (h Handlers) GetJWKS(context.Context, api.GetJWKSRequestObject) (api.GetJWKSResponseObject, error) {
	var keys api.JWKS
	err := json.Unmarshal(h.Keys.JWKS(), &keys)
	return api.GetJWKS200JSONResponse(keys), err
}

// GetAuthorizationServerMetadata tells where and how tokens are given out.
func (h Handlers) GetAuthorizationServerMetadata(context.Context, api.GetAuthorizationServerMetadataRequestObject) (api.GetAuthorizationServerMetadataResponseObject, error) {
	url := h.Issuer.URL
	return api.GetAuthorizationServerMetadata200JSONResponse{
		Issuer: url, TokenEndpoint: url + "/v1/oauth/token", RevocationEndpoint: url + "/v1/oauth/revoke",
		JwksURI: url + "/.well-known/jwks.json", ServiceDocumentation: url + "/docs",
		ScopesSupported: wire.List(h.ClientScopes), ResponseTypesSupported: []string{},
		GrantTypesSupported:                    []string{"client_credentials", "refresh_token"},
		TokenEndpointAuthMethodsSupported:      []string{"client_secret_basic", "client_secret_post", "none"},
		RevocationEndpointAuthMethodsSupported: []string{"none"},
	}, nil
}
