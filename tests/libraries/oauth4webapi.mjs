// oauth4webapi: each step of the protocol by hand, and access tokens verified as a resource server does.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { Browser } from './browser.mjs';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, AUDIENCE, EMAIL, PASSWORD } = process.env;

for (const algorithm of ['oidc', 'oauth2']) {
  const found = await oauth.discoveryRequest(new URL(ISSUER), { algorithm });
  const as = await oauth.processDiscoveryResponse(new URL(ISSUER), found);
  const client = { client_id: CLIENT_ID };
  const prove = oauth.ClientSecretPost(CLIENT_SECRET);
  const verifier = oauth.generateRandomCodeVerifier();
  const nonce = oauth.generateRandomNonce();

  const address = new URL(as.authorization_endpoint);
  const asked = {
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid email queries:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    nonce,
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  const browser = new Browser(ISSUER, EMAIL, PASSWORD);
  const back = new URL(await browser.open(address));
  const answer = oauth.validateAuthResponse(as, client, back, oauth.expectNoState);

  const exchange = await oauth.authorizationCodeGrantRequest(as, client, prove, answer, REDIRECT_URI, verifier);
  const options = { expectedNonce: nonce, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, exchange, options);
  await oauth.validateApplicationLevelSignature(as, exchange);
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);

  const request = new Request(AUDIENCE, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, request, AUDIENCE);
  assert.deepEqual([claims.sub, claims.client_id, claims.scope], [sub, CLIENT_ID, 'email openid queries:read']);

  const person = await oauth.userInfoRequest(as, client, tokens.access_token);
  assert.equal((await oauth.processUserInfoResponse(as, client, sub, person)).email, EMAIL);

  const refreshed = await oauth.refreshTokenGrantRequest(as, client, prove, tokens.refresh_token);
  const next = await oauth.processRefreshTokenResponse(as, client, refreshed);
  const asking = await oauth.introspectionRequest(as, client, prove, next.access_token);
  assert.equal((await oauth.processIntrospectionResponse(as, client, asking)).active, true);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, prove, next.refresh_token));
  const again = await oauth.introspectionRequest(as, client, prove, next.access_token);
  assert.equal((await oauth.processIntrospectionResponse(as, client, again)).active, false);

  const machine = await oauth.clientCredentialsGrantRequest(as, client, prove, { scope: 'queries:read' });
  const own = await oauth.processClientCredentialsResponse(as, client, machine);
  const call = new Request(AUDIENCE, { headers: { authorization: `Bearer ${own.access_token}` } });
  assert.equal((await oauth.validateJwtAccessToken(as, call, AUDIENCE)).sub, CLIENT_ID);
}
console.log('oauth4webapi: done');
