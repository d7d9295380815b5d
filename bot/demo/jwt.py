"""App JWTs (RS256): read, verified and, for tests, made."""

import base64
import binascii
import json
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.demo.refusal import Refusal

LONGEST = 600
SKEW = 60


@cache
def key_pair(number: int) -> tuple[str, str]:
    """A private and a public key in PEM, made once a process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def issue_jwt(
    private_key: str, issuer: int | str, now: datetime, *, lifetime: int = 540, skew: int = 30
) -> str:
    """A token for an App, as a client would make it."""
    issued = int(now.timestamp()) - skew
    header = _b64(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    claims = {"iat": issued, "exp": issued + lifetime, "iss": str(issuer)}
    signed = f"{header}.{_b64(json.dumps(claims).encode())}"
    key = _signer(private_key)
    return f"{signed}.{_b64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@lru_cache(maxsize=8)
def _signer(private_key: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("an App's key is an RSA key")
    return key


def read_claims(token: str) -> dict[str, Any]:
    """The claims before any proof, to find the App by `iss`; raises Refusal."""
    try:
        header, claims, _ = token.split(".")
        if json.loads(_unb64(header)).get("alg") != "RS256":
            raise Refusal(401, "A JSON web token could not be decoded")
        body = json.loads(_unb64(claims))
    except (ValueError, binascii.Error, AttributeError) as fault:
        raise Refusal(401, "A JSON web token could not be decoded") from fault
    if not isinstance(body, dict):
        raise Refusal(401, "A JSON web token could not be decoded")
    return body


def verify(token: str, claims: dict[str, Any], public_key: str, now: datetime) -> None:
    """Check signature and times in GitHub's words; raises Refusal."""
    signed, _, signature = token.rpartition(".")
    key = serialization.load_pem_public_key(public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("an App's key is an RSA key")
    try:
        key.verify(_unb64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError) as fault:
        raise Refusal(401, "A JSON web token could not be decoded") from fault
    _verify_times(claims.get("iat"), claims.get("exp"), int(now.timestamp()))


def _verify_times(issued: object, expires: object, now: int) -> None:
    if not isinstance(issued, int | float) or issued > now + SKEW:
        raise Refusal(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if not isinstance(expires, int | float) or expires <= now:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    if expires > now + LONGEST + SKEW:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
