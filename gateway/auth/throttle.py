"""Failed sign-ins, counted by account and address: after some of them there is a pause.

A pure table; time is an argument. Bounded: the oldest entries are forgotten first.

Source: SEC-L21, SEC-52.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

_REMEMBERED = 20_000  # some megabytes; an attacker with more addresses than this is not stopped by counting


class TooManyFailures(Exception):
    """No password is looked at until ``retry_after`` seconds have passed."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many failed sign-ins, retry after {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class Throttle:
    """How often it went wrong lately.

    Args:
        per_account: failures of one account from one address that are allowed.
        per_address: the same for all accounts together.
        window: seconds that they count, from the first one.
    """

    def __init__(self, *, per_account: int, per_address: int, window: float) -> None:
        self.per_account = per_account
        self.per_address = per_address
        self.window = window
        self._table: OrderedDict[tuple[str, ...], _Failures] = OrderedDict()

    def attempt(self, account: str, address: str, now: float) -> None:
        """Count an attempt as failed until ``forgive``: attempts at the same time cannot slip through together.

        Raises TooManyFailures.
        """
        keys = self._keys(account, address)
        for key, limit in keys:
            failures = self._table.get(key)
            if failures is not None and failures.until <= now:
                del self._table[key]
            elif failures is not None and failures.count >= limit:
                raise TooManyFailures(failures.until - now)
        for key, _ in keys:
            failures = self._table.setdefault(key, _Failures(0, now + self.window))
            failures.count += 1
        while len(self._table) > _REMEMBERED:
            self._table.popitem(last=False)

    def forgive(self, account: str, address: str) -> None:
        """The attempt was no failure."""
        for key, _ in self._keys(account, address):
            failures = self._table.get(key)
            if failures is not None:
                failures.count -= 1
                if failures.count <= 0:
                    del self._table[key]

    def _keys(self, account: str, address: str) -> tuple[tuple[tuple[str, ...], int], ...]:
        network = _network(address)
        return ((account, network), self.per_account), ((network,), self.per_address)


def _network(address: str) -> str:
    """Who owns one IPv6 address owns 2⁶⁴ of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
