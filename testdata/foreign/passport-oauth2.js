'use strict';
// A web application that signs people in by passport and passport-oauth2, over node's own server: GET /login leads to the
// authorize page, GET /return is where the person comes back to, with a session between the two that a cookie names.
const http = require('node:http');
const crypto = require('node:crypto');
const { Passport } = require('passport');
const OAuth2Strategy = require('passport-oauth2');

const sessions = new Map();
let server, passport, strategy;

// listen opens a port and returns the origin, which must be registered before configure.
exports.listen = () =>
  new Promise((resolve) => {
    server = http.createServer(serve).listen(0, '127.0.0.1', () => resolve('http://127.0.0.1:' + server.address().port));
  });

// configure takes {origin, id, secret, options}; options are the strategy's own.
exports.configure = ({ origin, id, secret, options }) => {
  strategy = new OAuth2Strategy(
    {
      authorizationURL: origin + '/oauth/authorize/',
      tokenURL: origin + '/oauth/token',
      clientID: id,
      clientSecret: secret,
      callbackURL: '/return',
      ...options,
    },
    (access, refresh, params, profile, done) => done(null, { access, refresh, params, profile }),
  );
  // The claim code is a parameter of its own, which the strategy has a place for.
  strategy.authorizationParams = ({ claimCode }) => (claimCode ? { claim_account_code: claimCode } : {});
  strategy.userProfile = (access, done) => ask(origin + '/v1/me', access, options.bearer, done);
  passport = new Passport();
  passport.use(strategy);
};

function ask(address, access, inHeader, done) {
  strategy._oauth2.useAuthorizationHeaderforGET(inHeader);
  strategy._oauth2.get(address, access, (error, body) => done(error && new Error(error.statusCode + ' ' + error.data), error ? null : JSON.parse(body)));
}

// refresh takes a refresh token. The strategy leaves this to what it is built on.
exports.refresh = (token) =>
  new Promise((resolve, reject) => {
    strategy._oauth2.getOAuthAccessToken(token, { grant_type: 'refresh_token' }, (error, access, refresh, params) =>
      error ? reject(error) : resolve({ access, refresh, params }),
    );
  });

exports.told = (error) => ({ message: error.message ?? '', status: error.statusCode ?? 0, body: error.data ?? null });

function serve(req, res) {
  const url = new URL(req.url, 'http://' + req.headers.host);
  req.query = Object.fromEntries(url.searchParams);
  let key = /(?:^|; )session=([0-9a-f]+)/.exec(req.headers.cookie ?? '')?.[1];
  if (!sessions.has(key)) {
    key = crypto.randomBytes(16).toString('hex');
    sessions.set(key, {});
    res.setHeader('Set-Cookie', 'session=' + key + '; HttpOnly; SameSite=Lax');
  }
  req.session = sessions.get(key);
  const say = (status, body) => {
    res.statusCode = status;
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(body));
  };
  const decided = (error, user, info, status) => {
    if (error) {
      return say(500, { error: error.name, code: error.code ?? '', message: error.message });
    }
    return user ? say(200, { ...user, profileId: req.query.profileId }) : say(status ?? 401, info ?? {});
  };
  const options = { session: false, claimCode: url.pathname === '/login' ? url.searchParams.get('claim') : '' };
  passport.authenticate('oauth2', options, decided)(req, res, (error) => say(500, { message: String(error) }));
}
