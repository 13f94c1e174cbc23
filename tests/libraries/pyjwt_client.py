"""PyJWT: is this access token good for that audience, by the key set of its issuer? Prints whose it is."""

import sys

import jwt

issuer, token, audience, _now = sys.argv[1:]
key = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json").get_signing_key_from_jwt(token)
# The server uses the test's clock, and PyJWT only the machine's.
options = {"require": ["exp", "iat", "sub", "jti"], "verify_exp": False, "verify_iat": False}
claims = jwt.decode(token, key.key, algorithms=[key.algorithm_name], audience=audience, issuer=issuer, options=options)
print(claims["sub"])
