"""Conformance cases by rule id: they know a URL and the bytes of the wire, and so run against any Bayeux server.

A server that is not ours is named by ``--bayeux-url [PROFILE=]URL`` (repeatable) or the variable
``CONFORMANCE_URL`` (several separated by white space); cases of profiles it does not offer are
skipped. ``profiles`` says how a server of each profile is set up.
``--bayeux-peer`` starts a server of another project and holds it to the table of its differences (``peers``).
"""
