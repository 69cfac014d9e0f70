"""What ``--dev`` sets: values that rank above the defaults and below everything a person wrote.

Source: OPS-24, OPS-61, SEC-45.
"""

from __future__ import annotations

from typing import Any

DEVELOPMENT: dict[str, Any] = {
    "profile": "development",
    "drain.notice": "0",
    "drain.spread": "1s",
    # The passwords are the names, and the hashes are light: there is nothing to protect, only this machine may ask.
    "auth.users": [
        {
            "name": "Agent1",
            "first_name": "First",
            "last_name": "Agent",
            "password_hash": "$argon2id$v=19$m=8192,t=1,p=1$POgy2o5eP7c+jnCq1nM3fQ"
            "$gDo4LNnBVANvjBRKFR/YFpz0d90wCiJlL7GYXoODA8c",
        },
        {
            "name": "Agent2",
            "first_name": "Second",
            "last_name": "Agent",
            "password_hash": "$argon2id$v=19$m=8192,t=1,p=1$4giQKZOP1sr5ks99ZTd+HA"
            "$d74zpDSU6er1wVLlGsJXwAPaH1F2uXihLPruV7K4xiI",
        },
    ],
    "auth.tokens.secret": "known to everybody, for development only",
}
