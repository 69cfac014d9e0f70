"""All that the backplane has Redis do in one atomic step: constants, read from the files beside (SEC-82).

What each is given and gives stands at the head of its file.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from bayeux.backplane.redis.script import Script


def _script(*names: str) -> Script:
    """The files' texts one after the other: preludes, then what is done."""
    folder = files("bayeux.backplane.redis") / "lua"
    return Script("\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names))


PUBLISH: Final = _script("partition", "retained", "publish")
JOURNAL: Final = _script("partition", "journal")
RENEW: Final = _script("partition", "renew")
SINCE: Final = _script("partition", "retained", "since")
CHANNELS: Final = _script("channels")
SEND: Final = _script("send")
LOOK: Final = _script("look")
AGREE: Final = _script("agree")
CREATE: Final = _script("create")
UPDATE: Final = _script("update")
CLAIM: Final = _script("claim")
END: Final = _script("end")

ALL: Final = (PUBLISH, JOURNAL, RENEW, SINCE, CHANNELS, SEND, LOOK, AGREE, CREATE, UPDATE, CLAIM, END)
