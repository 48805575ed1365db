'use strict';
// Node's own crypto, as the official examples of signatures use it.
const crypto = require('node:crypto');

// verify takes {key, body, signature}: PEM or a set of keys in JSON, text, Base64.
exports.verify = ({ key, body, signature }) => {
  const published = key.startsWith('{') ? crypto.createPublicKey({ key: JSON.parse(key).keys[0], format: 'jwk' }) : key;
  return crypto.createVerify('RSA-SHA256').update(body).verify(published, signature, 'base64');
};

exports.told = (error) => ({ message: error.message, status: 0, body: null });
