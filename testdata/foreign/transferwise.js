'use strict';
// The package transferwise, a client for the API whose contract the server keeps. It takes one token for good and has no
// grants; a refusal is a value that it returns, and is thrown here.
const Transferwise = require('transferwise');

let client;

// configure takes {origin, token}; the package copies any setting over its own, the address too.
exports.configure = ({ origin, token }) => {
  client = new Transferwise({ apiKey: token, baseUrlLive: origin });
};

// ask takes [verb, argument] and calls that verb of the client.
exports.ask = async ([verb, argument]) => {
  const got = await client[verb](argument ?? {});
  if (got instanceof Error) {
    throw got;
  }
  return got;
};

exports.told = (error) => ({ message: error.name, status: error.statusCode ?? 0, body: error.error ?? null });
