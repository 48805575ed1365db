'use strict';
// simple-oauth2 as its users use it: one configuration, a grant type each, access tokens that refresh themselves.
const { AuthorizationCode, ClientCredentials, ResourceOwnerPassword } = require('simple-oauth2');

let config, token;

// configure takes {origin, id, secret, options}.
exports.configure = ({ origin, id, secret, options }) => {
  config = { client: { id, secret }, auth: { tokenHost: origin }, options: options ?? {} };
};

exports.application = async (parameters) => told((token = await new ClientCredentials(config).getToken(parameters ?? {})));

exports.authorizeURL = (parameters) => new AuthorizationCode(config).authorizeURL(parameters);

exports.exchange = async (parameters) => told((token = await new AuthorizationCode(config).getToken(parameters)));

exports.refresh = async () => told((token = await token.refresh()));

exports.revoke = (which) => token.revoke(which);

exports.password = async (parameters) => told(await new ResourceOwnerPassword(config).getToken(parameters));

// told makes plain values of a token or of an error.
function told(it) {
  if (it.token) {
    return { ...it.token, expired: it.expired(), dated: it.token.expires_at instanceof Date };
  }
  return { message: it.message, status: it.output?.statusCode ?? 0, body: it.data?.payload ?? null };
}
exports.told = told;
