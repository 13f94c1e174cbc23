// The Model Context Protocol SDK's own OAuth client: discovery, registration, authorization by a person, refresh.
import assert from 'node:assert/strict';
import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { Browser } from './browser.mjs';

const { ISSUER, AUDIENCE, EMAIL, PASSWORD } = process.env;
const redirectUrl = 'http://127.0.0.1:41234/callback';

class Provider {
  redirectUrl = redirectUrl;
  clientMetadata = {
    client_name: 'An agent',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
  state = () => 'from-the-agent';
  clientInformation = () => this.information;
  saveClientInformation = (information) => void (this.information = information);
  tokens = () => this.saved;
  saveTokens = (tokens) => void (this.saved = tokens);
  redirectToAuthorization = (address) => void (this.address = address);
  saveCodeVerifier = (verifier) => void (this.verifier = verifier);
  codeVerifier = () => this.verifier;
}

// The protected resource is not part of the test: it only names its authorization server (RFC 9728).
const fetchFn = (address, options) => {
  const { href, pathname } = new URL(address);
  if (!href.startsWith(new URL(AUDIENCE).origin)) return fetch(address, options);
  if (!pathname.startsWith('/.well-known/oauth-protected-resource')) return new Response(null, { status: 404 });
  return Response.json({ resource: AUDIENCE, authorization_servers: [ISSUER], scopes_supported: ['queries:read'] });
};

const provider = new Provider();
const options = { serverUrl: AUDIENCE, fetchFn };
assert.equal(await auth(provider, options), 'REDIRECT');
assert.equal(provider.information.token_endpoint_auth_method, provider.information.client_secret ? 'client_secret_basic' : 'none');
const back = new URL(await new Browser(ISSUER, EMAIL, PASSWORD).open(provider.address));
assert.equal(back.searchParams.get('state'), 'from-the-agent');
assert.equal(back.searchParams.get('iss'), ISSUER);
assert.equal(await auth(provider, { ...options, authorizationCode: back.searchParams.get('code') }), 'AUTHORIZED');
const first = provider.saved;
assert.equal(first.scope, 'queries:read');
assert.equal(JSON.parse(Buffer.from(first.access_token.split('.')[1], 'base64url')).aud, AUDIENCE);
assert.equal(await auth(provider, options), 'AUTHORIZED');
assert.notEqual(provider.saved.refresh_token, first.refresh_token);
console.log('mcp: done');
