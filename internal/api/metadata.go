package api

import (
	"cmp"

	"github.com/latchkey-id/latchkey/internal/partner"
)

// metadata is what standard clients configure themselves by (RFC 8414 section 2). It names only what every client of this
// server can use, or it would lead some into a refusal: authorization_response_iss_parameter_supported is left out, since a
// client that reads it must refuse answers without iss (RFC 9207 section 2.4), and class classic has none.
type metadata struct {
	Issuer                string          `json:"issuer"`
	AuthorizationEndpoint string          `json:"authorization_endpoint"`
	TokenEndpoint         string          `json:"token_endpoint"`
	TokenAuth             []string        `json:"token_endpoint_auth_methods_supported"`
	IntrospectionEndpoint string          `json:"introspection_endpoint"`
	IntrospectionAuth     []string        `json:"introspection_endpoint_auth_methods_supported"`
	RevocationEndpoint    string          `json:"revocation_endpoint"`
	RevocationAuth        []string        `json:"revocation_endpoint_auth_methods_supported"`
	ResponseTypes         []string        `json:"response_types_supported"`
	ResponseModes         []string        `json:"response_modes_supported"`
	GrantTypes            []string        `json:"grant_types_supported"`
	Challenges            []string        `json:"code_challenge_methods_supported"`
	Scopes                []partner.Scope `json:"scopes_supported"`
	Documentation         string          `json:"service_documentation"`
}

// serverMetadata is GET /.well-known/oauth-authorization-server. The issuer is the origin of the pages, as in iss and in
// receipts; where the API has a host of its own, the document is at both, and says of both the same.
func (d *Door) serverMetadata(c *call) (any, error) {
	issuer, at := d.PagesURL, cmp.Or(d.APIURL, d.PagesURL)
	proofs := []string{"client_secret_basic", "client_secret_post"}
	c.w.Header().Set("Cache-Control", keyLife)
	return metadata{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/oauth/authorize",
		TokenEndpoint: at + "/oauth/token", TokenAuth: proofs,
		IntrospectionEndpoint: at + "/oauth/introspect", IntrospectionAuth: proofs,
		RevocationEndpoint: at + "/oauth/revoke", RevocationAuth: proofs,
		ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials", "registration_code"},
		Challenges: []string{"S256"}, Scopes: partner.AllScopes(), Documentation: at + "/docs",
	}, nil
}
