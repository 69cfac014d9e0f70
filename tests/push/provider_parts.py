"""What tests of providers are made of: notices, devices, keys, and a network with the service at its usual name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.push.notice import Notice

TOKEN = "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673"
ID = "db508720258611e300006072543ed1ff"
INSTANCE = "369-90f389cf-ae63-46ec-a3f7-7b76c0522e2f"


def notice(**fields: Any) -> Notice:
    """That an agent is near, where nothing else is said."""
    message = {"_action": "get-dialog-user-confirmation-provide_code-false", "_id": INSTANCE}
    return Notice(**{"id": ID, "tag": f"service.agentavailable.{INSTANCE}", "message": message, **fields})


def pem(key: PrivateKeyTypes, password: bytes = b"") -> bytes:
    """A private key as files hold it."""
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def apple_key(folder: Path, password: bytes = b"") -> tuple[dict[str, str], ec.EllipticCurvePublicKey]:
    """Options that name a new key, and its other half."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = folder / "AuthKey.p8"
    file.write_bytes(pem(key, password))
    options = {
        "apple.keystore": str(file),
        "apple.keystorePassword": password.decode(),
        "apple.keyId": "ABC123DEFG",
        "apple.teamId": "TEAM567890",
        "apple.topic": "com.example.app",
    }
    return options, key.public_key()


def service_account(folder: Path, **fields: str) -> tuple[dict[str, str], rsa.RSAPublicKey]:
    """The same for Google."""
    key = rsa.generate_private_key(65537, 2048)
    file = folder / "account.json"
    told = {
        "type": "service_account",
        "project_id": "our-app",
        "client_email": "push@our-app.example",
        "private_key_id": "k1",
        "private_key": pem(key).decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
        **fields,
    }
    file.write_text(json.dumps(told), "utf-8")
    return {"fcm.apiKey": str(file)}, key.public_key()
