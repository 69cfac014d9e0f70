"""How commands on the same machine find a running gateway, and prove themselves to it.

``serve`` writes where it listens and a fresh token into a file that only its own account can read,
and removes it at the end; the commands look there. What is configured by hand wins.

Source: OPS-8, OPS-40, SEC-55.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.config.loading import Loaded
from gateway.config.model import Config
from gateway.failure import ExitCode, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway at work, as its commands see it."""

    public: str
    """Origin of the public listener, such as ``http://127.0.0.1:8080``."""
    internal: str
    """That of the internal listener."""
    token: str
    """What the internal listener takes orders for; a secret."""
    pid: int


def make_token(config: Config) -> str:
    """The configured token, or a fresh one."""
    configured = config.internal.token
    return configured.get_secret_value() if configured is not None else secrets.token_urlsafe(32)


def announce(running: Running, config: Config, environment: Mapping[str, str]) -> Path:
    """Write the file for commands, readable for its owner alone; returns its path.

    Raises Failure.
    """
    path = _directory(config, environment) / f"internal-{running.internal.rpartition(':')[2]}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".new")  # mode 0600
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(running), file)
        os.replace(temporary, path)
    except OSError as error:
        raise Failure(
            f"{path} cannot be written ({error.strerror}): set internal.directory to a place where it can",
            ExitCode.CONFIGURATION,
        ) from None
    return path


def forget(path: Path, running: Running) -> None:
    """Remove the file again, unless another gateway has put its own there."""
    if _read(path) == running:
        path.unlink(missing_ok=True)


def find_running(loaded: Loaded, environment: Mapping[str, str]) -> Running:
    """The gateway that a command of this configuration means: the one on its internal port, or the only one.

    Raises Failure.
    """
    config = loaded.config
    directory = _directory(config, environment)
    if "listen.internal" in loaded.given:
        found = _read(directory / f"internal-{config.listen.internal.port}.json")
        candidates = [found] if found is not None else []
    else:
        candidates = list(_alive(directory))
    if len(candidates) > 1:
        addresses = ", ".join(each.internal.removeprefix("http://") for each in candidates)
        raise Failure(f"several gateways run here ({addresses}): name one with --set listen.internal=HOST:PORT")
    if candidates:
        return candidates[0]
    if config.internal.token is not None:  # its file may be out of reach, its address and token are known
        return Running(
            public=f"http://{config.listen.public}",
            internal=f"http://{config.listen.internal}",
            token=config.internal.token.get_secret_value(),
            pid=0,
        )
    raise Failure(
        f"no gateway of yours runs here (looked in {directory}): start one with `bayeux-gateway serve`, "
        "or set internal.token to that of another account's",
        ExitCode.UNAVAILABLE,
    )


def _directory(config: Config, environment: Mapping[str, str]) -> Path:
    if config.internal.directory:
        return Path(config.internal.directory)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "bayeux-gateway"
    return Path(environment.get("HOME") or Path.home()) / ".local" / "state" / "bayeux-gateway"


def _alive(directory: Path) -> Iterator[Running]:
    for path in sorted(directory.glob("internal-*.json")):
        running = _read(path)
        if running is not None and _exists(running.pid):
            yield running


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
