'use strict';
// openid-client without discovery: the endpoints are given by hand, as one does for a plain OAuth server. It checks much, the return
// and each token answer among it.
const loading = import('openid-client'); // it is a module of the newer kind

let client, config, token;

// configure takes {origin, id, secret, authentication, metadata}; authentication is a name of the client's own.
exports.configure = async ({ origin, id, secret, authentication, metadata }) => {
  client = await loading;
  const server = { issuer: origin, authorization_endpoint: origin + '/oauth/authorize/', token_endpoint: origin + '/oauth/token', ...metadata };
  config = new client.Configuration(server, id, undefined, client[authentication](secret));
  client.allowInsecureRequests(config); // loopback
};

const told = (got) => ({ ...got, left: got.expiresIn() });

exports.application = async (parameters) => told(await client.clientCredentialsGrant(config, parameters ?? {}));

// grant takes [grant type, parameters]: the client lets programs name any.
exports.grant = async ([type, parameters]) => told(await client.genericGrantRequest(config, type, parameters));

exports.challenge = async (verifier) => client.calculatePKCECodeChallenge(verifier);

exports.authorizeURL = (parameters) => client.buildAuthorizationUrl(config, parameters).href;

// exchange takes {back, checks}: the address that the person came back to, and what must hold of it.
exports.exchange = async ({ back, checks }) => told((token = await client.authorizationCodeGrant(config, new URL(back), checks)));

exports.refresh = async () => told((token = await client.refreshTokenGrant(config, token.refresh_token)));

exports.revoke = () => client.tokenRevocation(config, token.refresh_token);

// read asks a resource with the token.
exports.read = async (address) => {
  const got = await client.fetchProtectedResource(config, token.access_token, new URL(address), 'GET');
  return { status: got.status, body: await got.json() };
};

exports.told = (error) => ({
  message: [error.code, error.message, error.cause?.message].join(' '),
  status: error.status ?? error.cause?.status ?? 0,
  body: error.error ? { error: error.error, error_description: error.error_description } : { cause: error.cause?.[0]?.scheme ?? null },
});
