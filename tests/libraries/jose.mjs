/** jose: verifies an access token for an audience by the key set of its issuer. Prints its subject. */
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [issuer, token, audience, now] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const checks = { issuer, audience, typ: 'at+jwt', currentDate: new Date(now), requiredClaims: ['exp', 'iat', 'jti'] };
const { payload, protectedHeader } = await jwtVerify(token, keys, checks);
if (!protectedHeader.kid) throw new Error('the token names no key');
console.log(payload.sub);
