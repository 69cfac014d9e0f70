"""The Bayeux client behind ``publish`` and ``subscribe``: where it connects to, and as whom.

Source: OPS-8, AG-100.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from bayeux.client.client import TRANSPORTS, BayeuxClient
from bayeux.client.errors import ClientError, HandshakeRefused, RequestRefused, TransportFailed
from gateway.auth.tokens import TokenRefused, Tokens
from gateway.config import Config, Loaded
from gateway.failure import ExitCode, Failure
from gateway.running import find_running

_LIFETIME = 12 * 3600.0  # a working day, after which a client that comes back is refused

Url: TypeAlias = Annotated[
    str | None, typer.Option(metavar="URL", help="Bayeux endpoint; by default that of the configuration.")
]
Sender: TypeAlias = Annotated[
    str | None, typer.Option("--as", metavar="USER", help="Sign in with a token made from the configured keys.")
]
TokenFile: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="Sign in with the token in this file.")]
TransportName: TypeAlias = Annotated[
    str | None, typer.Option("--transport", metavar="NAME", help=f"Only this one: {' or '.join(TRANSPORTS)}.")
]


def make_client(
    loaded: Loaded, *, url: str | None, user: str | None, token_file: Path | None, transport: str | None
) -> BayeuxClient:
    """A client that is not connected yet.

    Raises Failure.
    """
    config = loaded.config
    if transport is not None and transport not in TRANSPORTS:
        raise typer.BadParameter(f"choose from {', '.join(TRANSPORTS)}", param_hint="--transport")
    token = token_of(config, user, token_file)
    return BayeuxClient(
        url or _origin(loaded) + config.mounts.cometd.path,
        transports=(transport,) if transport else TRANSPORTS,
        ext={"token": token} if token else None,
    )


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """What the client raises, as a Failure with the next step."""
    try:
        yield
    except TransportFailed as error:
        raise Failure(f"the server cannot be reached: {error}; check --url", ExitCode.UNAVAILABLE) from error
    except HandshakeRefused as error:
        raise Failure(f"the server refused: {error}; sign in with --as USER or --token-file FILE") from error
    except RequestRefused as error:
        raise Failure(f"the server refused: {error}; `grants` of its configuration say what is allowed") from error
    except ClientError as error:
        raise Failure(f"the connection has ended: {error}") from error


def _origin(loaded: Loaded) -> str:
    """That of the configuration, if it tells one, else of the gateway that runs here."""
    if "listen.public" in loaded.given:
        return f"http://{loaded.config.listen.public}"
    return find_running(loaded, os.environ).public


def token_of(config: Config, user: str | None, token_file: Path | None) -> str | None:
    """What to sign in with: a token made for the user, or that of the file; None without either.

    Raises Failure.
    """
    if user is not None:
        try:
            return Tokens(config.auth.tokens).make(user, now=time.time(), lifetime=_LIFETIME)
        except TokenRefused as refused:
            raise Failure(f"no token can be made for {user}: {refused}", ExitCode.CONFIGURATION) from None
    if token_file is None:
        return None
    try:
        return token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{token_file} cannot be read: {error}") from None
