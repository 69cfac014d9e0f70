"""Bearer tokens: what is accepted, and the many ways to be refused."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.auth.tokens import TokenRefused, Tokens
from gateway.config import ConfigurationWrong
from gateway.config.model import Tokens as TokenConfig

SECRET = "a secret that is long enough for HS256"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
WEAK_RSA_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505 (to be refused)
OTHER_CURVE_KEY = ec.generate_private_key(ec.SECP384R1())


def private_pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


RSA_PUBLIC = public_pem(RSA_KEY)


def claims(**changes: Any) -> dict[str, Any]:
    made = {"sub": "Agent1", "exp": int(time.time()) + 9000, **changes}
    return {name: value for name, value in made.items() if value is not None}


@pytest.fixture
def make_tokens(tmp_path: Path) -> Callable[..., Tokens]:
    def make(keys: Mapping[tuple[str, str], bytes] | None = None, **config: Any) -> Tokens:
        listed = []
        for number, ((algorithm, id), pem) in enumerate((keys or {}).items()):
            path = tmp_path / f"{number}.pem"
            path.write_bytes(pem)
            listed.append({"file": str(path), "algorithm": algorithm, "id": id})
        return Tokens(TokenConfig.model_validate({"keys": listed, **config}))

    return make


def hs256(payload: dict[str, Any], secret: str = SECRET, **header: Any) -> str:
    return jwt.encode(payload, secret, algorithm="HS256", headers=header or None)


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload)]
    return ".".join([*parts, signature])


@pytest.mark.spec("AG-12", "SEC-50")
def test_a_secret_makes_and_checks_tokens(make_tokens: Callable[..., Tokens]) -> None:
    tokens = make_tokens(secret=SECRET, issuer="us", audience="gateway")
    assert tokens.user_of(tokens.make("Agent1", now=time.time(), lifetime=60)) == "Agent1"


@pytest.mark.spec("AG-12", "SEC-50")
@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA_KEY), ("ES256", EC_KEY), ("EdDSA", ED_KEY)])
def test_key_files_check_tokens_and_private_ones_make_them(
    make_tokens: Callable[..., Tokens], algorithm: str, key: Any
) -> None:
    with_private = make_tokens({(algorithm, "k1"): private_pem(key)})
    token = with_private.make("Agent1", now=time.time(), lifetime=60)
    with_public = make_tokens({(algorithm, "k1"): public_pem(key)})
    assert with_public.user_of(token) == "Agent1"
    with pytest.raises(TokenRefused, match="no key can sign"):
        with_public.make("Agent1", now=time.time(), lifetime=60)


@pytest.mark.spec("AG-12")
def test_another_claim_may_name_the_user(make_tokens: Callable[..., Tokens]) -> None:
    tokens = make_tokens(secret=SECRET, user_claim="preferred_username")
    assert tokens.user_of(hs256(claims(preferred_username="Agent2"))) == "Agent2"
    assert tokens.user_of(tokens.make("Agent1", now=time.time(), lifetime=60)) == "Agent1"


@pytest.mark.spec("SEC-50")
def test_clocks_may_differ_by_the_leeway(make_tokens: Callable[..., Tokens]) -> None:
    tokens = make_tokens(secret=SECRET)
    assert tokens.user_of(hs256(claims(exp=int(time.time()) - 20))) == "Agent1"


CONFUSED = {
    "nothing": "",
    "no token": "Agent1",
    "two parts": "a.b",
    "not base64": "ä.ö.ü",
    "none": unsigned({"alg": "none"}, claims()),
    "None": unsigned({"alg": "None"}, claims()),
    "none with a signature": unsigned({"alg": "none"}, claims(), "AAAA"),
    "no algorithm": unsigned({"typ": "JWT"}, claims(), "AAAA"),
    "no signature": unsigned({"alg": "HS256"}, claims()),
    "an algorithm that is a list": unsigned({"alg": ["HS256"]}, claims(), "AAAA"),
    "another secret": hs256(claims(), "another secret that is long enough too"),
    "an empty secret": unsigned({"alg": "HS256"}, claims(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
    "HS512": jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    "HS384 with our secret": jwt.encode(claims(), SECRET * 2, algorithm="HS384"),
    "RS256 by somebody else": jwt.encode(claims(), rsa.generate_private_key(65537, 2048), algorithm="RS256"),
    "RS512 with our key": jwt.encode(claims(), RSA_KEY, algorithm="RS512"),
    "PS256 with our key": jwt.encode(claims(), RSA_KEY, algorithm="PS256"),
    "ES256 by somebody else": jwt.encode(claims(), EC_KEY, algorithm="ES256"),
    "an unknown key id": jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "k2"}),
    "a key in its header": unsigned({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, claims(), "AAAA"),
    "a key id that is a path": unsigned({"alg": "HS256", "kid": "../../dev/null"}, claims(), "AAAA"),
    "expired": hs256(claims(exp=int(time.time()) - 31)),
    "no expiry": hs256(claims(exp=None)),
    "an expiry that is no number": hs256(claims(exp="tomorrow")),
    "not yet": hs256(claims(exp=int(time.time()) + 9000, nbf=int(time.time()) + 8000)),
    "nobody": hs256(claims(sub=None)),
    "an empty name": hs256(claims(sub="")),
    "a name with control characters": hs256(claims(sub="Agent1\n")),
    "a long name": hs256(claims(sub="a" * 129)),
    "too long": hs256(claims(filler="a" * 9000)),
    "claims that are no object": jwt.api_jws.encode(b'["Agent1"]', SECRET, algorithm="HS256"),
}


@pytest.mark.spec("SEC-50")
@pytest.mark.parametrize("token", CONFUSED.values(), ids=CONFUSED.keys())
def test_refused(make_tokens: Callable[..., Tokens], token: str) -> None:
    tokens = make_tokens({("RS256", "k1"): RSA_PUBLIC}, secret=SECRET)
    with pytest.raises(TokenRefused):
        tokens.user_of(token)


@pytest.mark.spec("SEC-50")
def test_a_public_key_is_no_secret(make_tokens: Callable[..., Tokens]) -> None:
    """The classic confusion: signed with HS256, the public key of RS256 being the secret."""
    header = {"alg": "HS256", "kid": "k1"}
    unsigned_part = unsigned(header, claims()).rstrip(".")
    import hashlib
    import hmac

    signature = base64.urlsafe_b64encode(hmac.digest(RSA_PUBLIC, unsigned_part.encode(), hashlib.sha256))
    tokens = make_tokens({("RS256", "k1"): RSA_PUBLIC})
    with pytest.raises(TokenRefused):
        tokens.user_of(f"{unsigned_part}.{signature.rstrip(b'=').decode()}")


@pytest.mark.spec("SEC-50")
@pytest.mark.parametrize(
    ("expected", "changes", "is_good"),
    [
        ({"issuer": "us"}, {"iss": "us"}, True),
        ({"issuer": "us"}, {"iss": "them"}, False),
        ({"issuer": "us"}, {}, False),
        ({"audience": "gateway"}, {"aud": "gateway"}, True),
        ({"audience": "gateway"}, {"aud": ["a", "gateway"]}, True),
        ({"audience": "gateway"}, {"aud": "other"}, False),
        ({"audience": "gateway"}, {}, False),
        ({}, {"iss": "anybody", "aud": "anything"}, True),
    ],
)
def test_issuer_and_audience_count_when_configured(
    make_tokens: Callable[..., Tokens], expected: dict[str, str], changes: dict[str, Any], is_good: bool
) -> None:
    tokens = make_tokens(secret=SECRET, **expected)
    token = hs256(claims(**changes))
    if is_good:
        assert tokens.user_of(token) == "Agent1"
    else:
        with pytest.raises(TokenRefused):
            tokens.user_of(token)


@pytest.mark.spec("SEC-50")
@pytest.mark.parametrize(
    ("algorithm", "pem"),
    [
        ("RS256", public_pem(EC_KEY)),
        ("ES256", RSA_PUBLIC),
        ("EdDSA", RSA_PUBLIC),
        ("RS256", public_pem(WEAK_RSA_KEY)),
        ("ES256", public_pem(OTHER_CURVE_KEY)),
        ("RS256", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        ("RS256", b"nothing"),
    ],
)
def test_a_key_that_does_not_fit_its_algorithm_stops_the_start(
    make_tokens: Callable[..., Tokens], algorithm: str, pem: bytes
) -> None:
    with pytest.raises(ConfigurationWrong, match=r"auth\.tokens\.keys\.0\.file: .* cannot be used"):
        make_tokens({(algorithm, ""): pem})


def test_a_missing_key_file_stops_the_start() -> None:
    with pytest.raises(ConfigurationWrong, match="No such file"):
        Tokens(TokenConfig.model_validate({"keys": [{"file": "/does/not/exist", "algorithm": "RS256"}]}))
