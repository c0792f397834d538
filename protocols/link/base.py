"""The seam of every link, and how a link URL of a bench file becomes one.

A module of this package that offers a scheme defines ``SCHEMES`` (the URL schemes it answers to) and
``async def connect(url: LinkUrl, clock: Clock) -> Link``. A new link is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from protocols.clock import Clock

__all__ = ["CardPort", "Link", "LinkClosed", "LinkError", "LinkTimeout", "LinkUrl", "open_link", "schemes"]


class LinkError(Exception):
    """The link could not be opened or used; the text says what to do about it."""


class LinkClosed(LinkError):
    """The far end went away: cable pulled, process ended, card removed."""


class LinkTimeout(LinkError):
    """Nothing came within the limit of this exchange."""


class Link(Protocol):
    """A byte stream. ``receive`` returns at least one byte, or raises :class:`LinkClosed`."""

    async def receive(self) -> bytes: ...

    async def send(self, data: bytes) -> None: ...

    async def aclose(self) -> None: ...


class CardPort(Protocol):
    """A powered or unpowered smart card, whatever brings us to it: a PC/SC reader, or a card reader's socket.

    ``transmit`` carries one APDU as T=0 sees it: ``61xx`` and ``6Cxx`` come back to the caller.
    Every call has its own limit and raises :class:`LinkTimeout` when it passes, :class:`LinkClosed` when the card is gone.
    """

    async def power_on(self, warm: bool = False) -> bytes: ...

    async def power_off(self) -> None: ...

    async def transmit(self, apdu: bytes) -> bytes: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LinkUrl:
    """A parsed link URL: ``serial:///dev/ttyUSB0?baud=9600`` has scheme ``serial``, path ``/dev/ttyUSB0``."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    options: dict[str, str] = field(default_factory=dict[str, str])

    @staticmethod
    def parse(text: str) -> LinkUrl:
        """Raises :class:`LinkError` on text that is no link URL, naming the known schemes."""
        try:
            parts = urlsplit(text)
            port = parts.port or 0
        except ValueError as error:
            raise LinkError(f"link {text!r}: {error}") from error
        if not parts.scheme:
            raise LinkError(f"link {text!r} has no scheme; write one of: {', '.join(sorted(schemes()))}")
        return LinkUrl(parts.scheme, parts.hostname or "", port, parts.path, dict(parse_qsl(parts.query)))

    def __str__(self) -> str:
        host = f"{self.host}:{self.port}" if self.port else self.host
        query = "&".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.scheme}://{host}{self.path}" + (f"?{query}" if query else "")


def schemes() -> dict[str, str]:
    """Scheme to module name, found by looking at the package: no list to keep."""
    import protocols.link as package

    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for scheme in getattr(module, "SCHEMES", ()):
            found[scheme] = module.__name__
    return found


async def open_link(text: str, clock: Clock) -> Link:
    """Open the link that *text* names. Raises :class:`LinkError` with the remedy when it cannot."""
    url = LinkUrl.parse(text)
    name = schemes().get(url.scheme)
    if name is None:
        raise LinkError(f"link {text!r}: unknown scheme {url.scheme!r}; known: {', '.join(sorted(schemes()))}")
    return await importlib.import_module(name).connect(url, clock)
