"""Authlib, with every check that it has."""

import os
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

env = os.environ
ISSUER, AUDIENCE, EMAIL = env["ISSUER"], env["AUDIENCE"], env["EMAIL"]


class Browser:
    """A person with a browser: signs in and allows what is asked."""

    def __init__(self):
        self.session = requests.Session()
        self.session.headers["origin"] = ISSUER

    def send(self, method, path, **more):
        answer = self.session.request(method, urljoin(ISSUER, path), allow_redirects=False, **more)
        assert answer.status_code < 400, answer.text
        return answer

    def open(self, address):
        location = urljoin(ISSUER, self.send("GET", address).headers["location"])
        if not location.startswith(ISSUER):
            return location
        page = urlsplit(location)
        if page.path == "/sign-in":
            account = {"email": EMAIL, "password": env["PASSWORD"]}
            session = self.send("POST", "/v1/auth/session", json=account).json()
            self.session.headers["x-csrf-token"] = session["csrf_token"]
        request = parse_qs(page.query)["request"][0]
        decided = self.send("POST", f"/v1/oauth/requests/{request}", json={"decision": "allow"})
        return decided.json()["redirect_to"]


metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration").json()
assert metadata["issuer"] == ISSUER
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"]).json())

for method in ["client_secret_post", "client_secret_basic"]:
    client = OAuth2Session(
        env["CLIENT_ID"],
        env["CLIENT_SECRET"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        introspection_endpoint_auth_method=method,
        scope="openid email queries:read",
        redirect_uri=env["REDIRECT_URI"],
        code_challenge_method="S256",
    )
    verifier, nonce = generate_token(48), generate_token(20)
    address, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    browser = Browser()
    back = browser.open(address)
    client.state = state
    tokens = client.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    algorithms = metadata["id_token_signing_alg_values_supported"]
    decoded = jwt.decode(tokens["id_token"], keys, algorithms=algorithms)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={"iss": {"value": ISSUER}, "aud": {"value": env["CLIENT_ID"]}, "nonce": {"value": nonce}},
        params={"nonce": nonce, "access_token": tokens["access_token"], "client_id": env["CLIENT_ID"]},
    )
    claims.validate()
    person = client.get(metadata["userinfo_endpoint"]).json()
    assert (person["sub"], person["email"]) == (claims["sub"], EMAIL)

    refreshed = client.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    told = client.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()
    assert told["active"] and told["sub"] == claims["sub"] and told["aud"] == AUDIENCE
    client.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"]).raise_for_status()
    told = client.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"]).json()
    assert told == {"active": False}
    try:
        client.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"])
        raise AssertionError("a revoked refresh token was taken")
    except OAuthError as error:
        assert error.error == "invalid_grant"

    machine = OAuth2Session(env["CLIENT_ID"], env["CLIENT_SECRET"], token_endpoint_auth_method=method)
    own = machine.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="queries:read")
    decoded = jwt.decode(own["access_token"], keys, algorithms=algorithms)
    assert decoded.header["typ"] == "at+jwt" and decoded.claims["sub"] == env["CLIENT_ID"]

    goodbye = f"{metadata['end_session_endpoint']}?id_token_hint={tokens['id_token']}"
    goodbye += f"&post_logout_redirect_uri={env['GOODBYE']}"
    assert browser.open(goodbye) == env["GOODBYE"]

print("authlib: done")
