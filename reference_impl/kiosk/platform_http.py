"""The platform over real HTTP, by aiohttp: connections kept, every exchange with its own limit."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest
from reference_impl.kiosk.platform_session import NoAnswer

__all__ = ["HttpExchange", "origin_of"]


def origin_of(url: str) -> str:
    """``https://host:port`` of a platform. Raises ValueError with the remedy for anything else."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from error
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ValueError(f"{url}: write http://HOST:PORT or https://HOST:PORT, and no path")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


class HttpExchange:
    """One platform at *origin*, see :func:`origin_of`. A kiosk has few exchanges at a time; connections are reused."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._client: aiohttp.ClientSession | None = None

    async def exchange(self, request: HttpRequest, limit_s: float) -> HttpReply:
        """Raises NoAnswer; ``sent`` is False where nobody accepted the connection."""
        url = URL(self._origin + request.target, encoded=True)  # signed as it stands: nobody may re-encode it
        try:
            async with asyncio.timeout(limit_s):
                async with self._opened().request(
                    request.method, url, headers=dict(request.headers), data=request.body or None, allow_redirects=False
                ) as reply:
                    body = await reply.content.read(MAX_BODY_BYTES + 1)
                    while len(body) <= MAX_BODY_BYTES and (more := await reply.content.read(MAX_BODY_BYTES)):
                        body += more
                    if len(body) > MAX_BODY_BYTES:
                        raise NoAnswer("the reply is larger than any of this interface")
                    headers = {name.lower(): value for name, value in reply.headers.items()}
                    return HttpReply(reply.status, headers, body)
        except TimeoutError as error:
            raise NoAnswer(f"no reply within {limit_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise NoAnswer(f"{self._origin} does not accept the connection", sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"the connection broke: {type(error).__name__}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
            )
        return self._client

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
