"""Channel templates: ``/game/{room}/moves`` matches the channels of that shape and tells what stands for ``room``.

Owns what makes a template valid and what it matches. That a segment such as ``{room}`` is a parameter is decided by
``channel``; the server hangs a listener on a template's ``pattern`` and asks ``match`` for each message.

Source: CHN-8, CH-6; also the targets of remote calls (RPC-1).
"""

from __future__ import annotations

import re
from keyword import iskeyword

from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.errors import ChannelInvalid, TemplateInvalid


class Template:
    """A channel with ``{parameter}`` segments; one without any matches just itself.

    Raises TemplateInvalid for what is no channel name, for wildcards, and for parameters that are no Python
    identifiers (they are handed over by name) or stand twice.
    """

    __slots__ = ("_match", "parameters", "pattern", "text")

    def __init__(self, text: str) -> None:
        try:
            name = parse_channel(text)
        except ChannelInvalid:
            why = "a template has no wildcards" if "*" in text else "a channel name is segments such as /game/{room}"
            raise TemplateInvalid(f"{text!r}: {why}") from None
        if name.is_wild:
            raise TemplateInvalid(f"{text!r}: a template has no wildcards")
        self.text: str = name.text
        segments = name.text[1:].split("/")
        self.parameters: tuple[str, ...] = tuple(segment[1:-1] for segment in segments if _is_parameter(segment))
        """Their names, from left to right."""
        self._check(segments)
        self.pattern: ChannelName = parse_channel(self._narrowest_pattern(segments))
        """The narrowest wildcard that sees every channel of this shape; without parameters the channel itself."""
        # The values cannot hold a "/", so what matches has as many segments.
        shape = "".join(
            f"/(?P<{segment[1:-1]}>[^/]+)" if _is_parameter(segment) else re.escape(f"/{segment}")
            for segment in segments
        )
        self._match = re.compile(shape).fullmatch

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def match(self, channel: ChannelName) -> dict[str, str] | None:
        """What stands for each parameter in ``channel``; None if its shape is another, or if it is a pattern."""
        if channel.is_wild:
            return None
        found = self._match(channel.text)
        return None if found is None else found.groupdict()

    def _check(self, segments: list[str]) -> None:
        for name in self.parameters:
            if not name.isidentifier() or iskeyword(name):
                raise TemplateInvalid(f"{self.text!r}: {{{name}}} is handed over by name, so it must be an identifier")
            if self.parameters.count(name) > 1:
                raise TemplateInvalid(f"{self.text!r}: {{{name}}} stands twice, give each a name of its own")
        for segment in segments:
            if not _is_parameter(segment) and ("{" in segment or "}" in segment):
                raise TemplateInvalid(f"{self.text!r}: a parameter is a whole segment, {segment!r} is not")

    def _narrowest_pattern(self, segments: list[str]) -> str:
        if not self.parameters:
            return self.text
        plain = next(n for n, segment in enumerate(segments) if _is_parameter(segment))
        wildcard = "*" if plain == len(segments) - 1 else "**"
        return "/" + "/".join([*segments[:plain], wildcard])


def _is_parameter(segment: str) -> bool:
    return parse_channel(f"/{segment}").is_template
