"""What a process of the gateway asks of its interpreter and of the system.

Source: OPS-95.
"""

from __future__ import annotations

import gc
import logging
import resource

log = logging.getLogger(__name__)

_FEW_DESCRIPTORS = 4096
# Idle sessions are long-lived and without cycles: looking through them for garbage only costs time.
_GARBAGE_THRESHOLD = 50_000


def forget_garbage() -> None:
    """What was made until here stays; and what sessions are made of is looked through less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD)


def raise_descriptor_limit() -> None:
    """OPS-95."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):
        pass  # some systems allow less than they say
    log.info("descriptor limit", extra={"descriptors": soft})
    if soft != resource.RLIM_INFINITY and soft < _FEW_DESCRIPTORS:
        log.warning("fewer than %d descriptors: raise the limit with ulimit -n", _FEW_DESCRIPTORS)
