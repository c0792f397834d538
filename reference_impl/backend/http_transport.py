"""HTTP to the other systems, through aiohttp. What matters is to know whether a request can have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest
from reference_impl.backend.transport import NoAnswer, NotSent

__all__ = ["CONNECTIONS_A_PEER", "AiohttpTransport"]

KEPT_S = 3.0
"""An idle connection is closed before its server does (five seconds is usual): a request on one that has just been closed
would be a reply that nobody gets."""

CONNECTIONS_A_PEER = 64
"""More wait for one of them, within their limit."""


UNCONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""How aiohttp says that there was no connection, so that no byte has left; after any other error one may have."""

ANSWERING_S = 0.1
"""The limit of a whole exchange is so much later than that for a connection: it must be clear which of the two was passed."""


class AiohttpTransport:
    """An :class:`~reference_impl.backend.transport.HttpTransport`. *peers* gives the base URL of each by name; no request is
    ever repeated here, no redirection followed, no cookie kept, no proxy of the environment used."""

    def __init__(self, peers: Mapping[str, str], most_body: int = 64 * MAX_BODY_BYTES) -> None:
        self._peers = {name: url.rstrip("/") for name, url in peers.items()}
        self._most = most_body
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS_A_PEER, keepalive_timeout=KEPT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        # A GET whose connection broke would be asked again behind our back: what was sent, and how often, is ours to know.
        self._session._retry_connection = False

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        """Raises :class:`NoAnswer` or :class:`NotSent`. Any status is a reply; a larger one than the limit is none."""
        base = self._peers.get(peer)
        if base is None:
            raise NotSent(f"{peer} is not connected: name its address in the setting peers.{peer}")
        try:
            async with (
                asyncio.timeout(limit_s + ANSWERING_S),
                self._session.request(
                    request.method,
                    URL(base + request.target, encoded=True),
                    data=request.body or None,
                    headers=dict(request.headers),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=limit_s),
                ) as reply,
            ):
                body = await self._read(reply)
                return HttpReply(reply.status, {name.lower(): value for name, value in reply.headers.items()}, body)
        except UNCONNECTED as error:
            raise NotSent(f"{peer}: {type(error).__name__}") from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise NoAnswer(f"{peer}: {type(error).__name__}") from error

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in reply.content.iter_chunked(1 << 16):
            size += len(part)
            if size > self._most:
                raise ValueError("the reply is too large")
            parts.append(part)
        return b"".join(parts)

    async def aclose(self) -> None:
        await self._session.close()
