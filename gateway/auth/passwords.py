"""Passwords of configured users, checked with Argon2id beside the event loop.

Owns the bound on hashing: each hash takes tens of megabytes and milliseconds, so two run at a
time, a few wait, and the rest is told to come back. An unknown user costs the same as a known one.

Source: SEC-51.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import argon2

from gateway.config.model import User

_HASHES_AT_A_TIME = 2
_WAITING = 20


class PasswordsBusy(Exception):
    """Too many passwords are waiting to be checked; worth another try in a second (503)."""


class Passwords:
    """The passwords of all users; ``close`` it at the end."""

    def __init__(self, users: Iterable[User]) -> None:
        self._hashes = {user.name: user.password_hash.get_secret_value() for user in users if user.enabled}
        self._hasher = argon2.PasswordHasher(memory_cost=64 * 1024, time_cost=3, parallelism=1)
        # Whoever does not exist is checked against a hash as dear as the others.
        self._nobody = next(iter(self._hashes.values()), None) or self._hasher.hash("nobody")
        self._pool = ThreadPoolExecutor(_HASHES_AT_A_TIME, thread_name_prefix="argon2")
        self._pending = 0

    async def verify(self, name: str, password: str) -> bool:
        """Is this the user's password?

        Raises PasswordsBusy.
        """
        if self._pending >= _HASHES_AT_A_TIME + _WAITING:
            raise PasswordsBusy
        self._pending += 1
        try:
            matches = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._matches, self._hashes.get(name, self._nobody), password
            )
        finally:
            self._pending -= 1
        return matches and name in self._hashes

    def close(self) -> None:
        """Let the threads go; nobody waits for a check any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def hash_password(password: str) -> str:
    """What to write into the configuration for this password (SEC-51: 64 MiB, three passes)."""
    return argon2.PasswordHasher(memory_cost=64 * 1024, time_cost=3, parallelism=1).hash(password)
