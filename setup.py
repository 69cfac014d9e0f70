"""Compiles the hot modules with mypyc where ``BAYEUX_COMPILE=1`` asks for it; all else is in setup.cfg.

Nothing depends on it: each module stays plain Python, and without the variable the wheel is pure
(docs/decisions/compiled-when-asked).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

COMPILED = (
    # what a message passes on its way in and out
    "protocol/channel",
    "protocol/delivery",
    "protocol/effects",
    "protocol/encoded",
    "protocol/frames",
    "protocol/json",
    "protocol/message",
    "protocol/session",
    "protocol/subscriptions",
    "protocol/transitions",
    "server/answering",
    "server/authorisation",
    "server/channels",
    "server/counters",
    "server/exchange",
    "server/fanout",
    "server/flusher",
    "server/joining",
    "server/lone_connect",
    "server/publication",
    "server/pushing",
    "server/rates",
    "server/sessions",
    "server/short_way",
    "server/steps",
    # what a connection, a request and a session's beginning pass
    "protocol/deflate",
    "protocol/template",
    "server/attachment",
    "server/deadlines",
    "server/transport",
    "transports/adopted/carrier",
    "transports/adopted/connection",
    "transports/adopted/http",
    "transports/adopted/readiness",
    "transports/adopted/websocket",
    "transports/browser",
    "transports/endpoint",
    "transports/exchange",
    "transports/long_polling",
    "transports/provenance",
    "transports/websocket",
    # what extends a class of those: it has to be compiled with it
    "server/local_exchange",
    "transports/callback_polling",
)
"""All in one unit, so that they call one another directly.

Left out is what applications extend or replace (``BayeuxServer``, ``SecurityPolicy``, ``Extension``), what extends
a builtin (``Envelope``, ``Reply``, ``Registry``), what pydantic looks into (``Options``), coroutines that await
in ``finally`` (``AsgiSocket``: mypyc 2.4 has a later call raise what ended an earlier one), and what runs seldom.
"""


def extensions() -> list[Extension]:
    """The compiled modules; none unless they are asked for."""
    if os.environ.get("BAYEUX_COMPILE", "") in ("", "0"):
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles needs it
    except ImportError:
        raise SystemExit("BAYEUX_COMPILE needs mypy: pip install '.[compile]', then build without isolation") from None
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        raise SystemExit(f"BAYEUX_COMPILE needs a C compiler, and there is no {compiler}: apt-get install gcc")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise SystemExit("BAYEUX_COMPILE needs the headers of Python: apt-get install python3-dev")
    made: list[Extension] = mypycify(
        [f"bayeux/{name}.py" for name in COMPILED],
        opt_level="3",
        debug_level="0",
        group_name="bayeux.compiled",  # the unit is bayeux/compiled__mypyc; else it lies beside bayeux, named by a hash
    )
    return made


setup(ext_modules=extensions())
