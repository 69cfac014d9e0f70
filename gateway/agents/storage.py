"""The store that the configuration chooses.

Source: OPS-25, MRE-126.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Final

from gateway.config.model import Config
from gateway.store.redis import RedisStore
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Store

FILE: Final = "contact-center.sqlite"


def make_store(config: Config, *, node: str) -> Store:
    """In Redis where there is one, else in a file of ``data_dir``; without either it goes with the process."""
    if config.redis is not None:
        return RedisStore(config.redis.get_secret_value(), node=node, prefix=config.backplane.prefix)
    if config.data_dir:
        return SqliteStore(Path(config.data_dir) / FILE)
    return PassingStore(Path(tempfile.gettempdir()) / f"bayeux-gateway-{node}")


class PassingStore(SqliteStore):
    """A file that is removed at the end.

    Args:
        directory: of its own; made by ``open``.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / FILE)
        self._directory = directory

    async def close(self) -> None:
        """Nothing is left."""
        await super().close()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
