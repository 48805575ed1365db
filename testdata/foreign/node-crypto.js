'use strict';
// Node's own crypto, as the official examples of signatures use it.
const crypto = require('node:crypto');

// verify takes {key, body, signature}: PEM, text, Base64.
exports.verify = ({ key, body, signature }) => crypto.createVerify('RSA-SHA256').update(body).verify(key, signature, 'base64');

exports.told = (error) => ({ message: error.message, status: 0, body: null });
