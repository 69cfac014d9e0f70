"""Servers of other projects, held to the conformance cases and to a table of what they do otherwise.

``<package>.toml`` is the table of one: each difference beside the rule it is explained by, why there is one
(``Kind``), and the cases that show it. A case that fails without being listed fails the run, and so does one
that is listed and passes. ``<package>.mjs`` starts the server, ``page`` writes ``docs/reference/peers.md``.

``pytest tests/conformance --bayeux-peer faye`` runs the cases against one, ``make conformance-peers`` against all.
"""
