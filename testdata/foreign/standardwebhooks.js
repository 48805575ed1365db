'use strict';
// The library of the Standard Webhooks specification, as a receiver uses it.
const { Webhook } = require('standardwebhooks');

// read takes {secret, headers, body} and returns the event.
exports.read = ({ secret, headers, body }) => new Webhook(secret).verify(body, headers);

exports.told = (error) => ({ message: error.message, status: 0, body: null });
