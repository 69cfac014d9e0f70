"""What ``--dev`` sets: values that rank above the defaults and below everything a person wrote.

Source: OPS-24, OPS-61, SEC-45, AUTH-4, SM-1, TH-13.
"""

from __future__ import annotations

from typing import Any

_CALLBACK = {
    "_type": "ors",
    "_service": "callback",
    "_service_type": "callback",
    "_target": "SimpleChatInQueue@StatServer.Q",
    "_urs_virtual_queue": "SimpleChatInQueue",
    "_resource_group": "DNIS",
}

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
    # A contact center that two people can try: chats and mails, in the queues of the vendor's samples.
    "mre.mrds": [
        {"id": "chat", "name": "Chat", "max_tasks": 3, "default_queue": "SimpleChatInQueue"},
        {
            "id": "email",
            "name": "E-mail",
            "max_tasks": 5,
            "accept_timeout": "60s",
            "default_queue": "SimpleEmailInQueue",
        },
    ],
    "mre.queues": [
        {
            "name": "SimpleChatInQueue",
            "mrd": "chat",
            "in_queues": ["SimpleChatTranscriptQueue"],
            "strategy": "SimpleChatInStrategy",
            "strategy_id": "125",
        },
        {
            "name": "SimpleEmailInQueue",
            "mrd": "email",
            "in_queues": ["__STOP__"],
            "out_queues": ["SimpleEmailOutQueue"],
            "strategy": "SimpleEmailInStrategy",
            "strategy_id": "134",
        },
    ],
    "agent.reasons": ["OutToLunch"],
    "workbins": [{"name": "Personal"}],
    "mail.mailboxes": [{"address": "support@localhost", "queue": "SimpleEmailInQueue"}],
    # The vendor's samples of callbacks can be sent as they are printed: services by those names, and numbers to call.
    "server.enabled": True,
    "services.chat-delay": {
        **_CALLBACK,
        "_profile": "Chat-Delayed",
        # There may be no agent at all, and then nobody is to be told that one is near (TH-13).
        "_threshold_when_eta_unknown": "position",
        "_max_urs_ewt_pos_polling_interval": "2",  # who tries it out sees at once that an agent has come
    },
    "services.chat-immediate": {**_CALLBACK, "_profile": "Chat-Immediate"},
    "services.voice-userorig-delay": {**_CALLBACK, "_profile": "User-Originated-Delayed"},
    "services.voice-userorig-immediate": {**_CALLBACK, "_profile": "User-Originated-Immediate"},
    "resources.DNIS": {
        "_allocation_strategy": "CLUSTER",
        **{f"Key{number}": f"1-800-555-01{number:02}" for number in range(1, 21)},
    },
    # Whose password is "password".
    "management.enabled": True,
    "management.administrators": [
        {
            "name": "default",
            "password_hash": "$argon2id$v=19$m=8192,t=1,p=1$vGEBoiDs5j1PXFW4wuPvJw"
            "$Cx0Gp02P6oQ3D2q9cP92Mwn5ZFz32ZX0IBoxWYXtTzc",
        }
    ],
    "auth.tokens.secret": "known to everybody, for development only",
}
