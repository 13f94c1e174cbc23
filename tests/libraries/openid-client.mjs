// openid-client with all its checks.
import assert from 'node:assert/strict';
import * as client from 'openid-client';
import { Browser } from './browser.mjs';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, GOODBYE, AUDIENCE, EMAIL, PASSWORD } = process.env;

for (const method of [client.ClientSecretPost, client.ClientSecretBasic]) {
  const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, method(CLIENT_SECRET));
  client.enableNonRepudiationChecks(config);
  const browser = new Browser(ISSUER, EMAIL, PASSWORD);

  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile email queries:read',
    resource: AUDIENCE,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    max_age: '3600',
  });
  const back = new URL(await browser.open(address));
  assert.ok(back.href.startsWith(REDIRECT_URI));
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  const { sub } = tokens.claims();
  const person = await client.fetchUserInfo(config, tokens.access_token, sub);
  assert.equal(person.email, EMAIL);

  const told = await client.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.aud], [true, sub, AUDIENCE]);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(next.claims().sub, sub);
  await client.tokenRevocation(config, next.refresh_token);
  assert.equal((await client.tokenIntrospection(config, next.access_token)).active, false);
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(client.authorizationCodeGrant(config, back, checks), { error: 'invalid_grant' });

  const machine = await client.clientCredentialsGrant(config, { scope: 'queries:read', resource: AUDIENCE });
  assert.equal((await client.tokenIntrospection(config, machine.access_token)).client_id, CLIENT_ID);
  await assert.rejects(client.clientCredentialsGrant(config, { scope: 'admin' }), { error: 'invalid_scope' });

  const logout = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: GOODBYE,
    state: 'bye',
  });
  assert.equal(await browser.open(logout), `${GOODBYE}?state=bye`);
}
console.log('openid-client: done');
