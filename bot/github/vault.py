"""The App's credentials at rest: encrypted under the service's key, read under the key before it, too, and written anew."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.github.credentials import Credentials

NAME = "github-app"
"""Under which word they are kept."""


class Locked(Exception):  # noqa: N818 - said to operators as it is named
    """The stored credentials cannot be opened with the key in force."""

    def __init__(self) -> None:
        super().__init__(
            "the stored App credentials were encrypted under another key; restore ROUNDSMAN_SECRET_KEY (or secret.key "
            "in the data directory), or name the old one in ROUNDSMAN_SECRET_KEY_BEFORE"
        )


def seal(credentials: Credentials, key: bytes) -> str:
    """Encrypt credentials."""
    told = {name: value for name, value in asdict(credentials).items() if name != "token"}
    return _fernet(key).encrypt(json.dumps(told).encode()).decode()


def unseal(sealed: str, keys: tuple[bytes, ...]) -> Credentials:
    """Decrypt credentials with the first of the keys that fits; raises Locked."""
    try:
        told = json.loads(MultiFernet([_fernet(key) for key in keys]).decrypt(sealed.encode()))
        return Credentials(**{**told, "webhook_secrets": tuple(told.get("webhook_secrets") or ())})
    except (InvalidToken, ValueError, TypeError) as fault:
        raise Locked from fault


def is_current(sealed: str, key: bytes) -> bool:
    """Whether it is encrypted under this very key."""
    try:
        _fernet(key).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _fernet(key: bytes) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"roundsman app credentials").derive(key)
    return Fernet(base64.urlsafe_b64encode(derived))
