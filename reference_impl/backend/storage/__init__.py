"""Storage: tables, migrations, and one writer that groups its commits.

:func:`open_store` is the door: one URL chooses the database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.backend.storage.store import Store

__all__ = ["open_store"]


async def open_store(url: str, *, wait: bool = True, on_standby: Callable[[], None] | None = None) -> Store:
    """The store behind *url*, migrated to this version, with this process as its one writer.

    While another backend writes there, this one waits as a standby (*on_standby* is called once) and takes over when that
    ends; with *wait* false it raises instead. Raises DatabaseUrlError, StoreUnavailable, WriterBusy.
    """
    # Settlement's pure modules import this package for their tables: the drivers come in only here.
    from reference_impl.backend.storage.postgres import PostgresStore
    from reference_impl.backend.storage.sqlite import SqliteStore
    from reference_impl.backend.storage.store import parsed_url

    parsed = parsed_url(url)
    kind = SqliteStore if parsed.get_backend_name() == "sqlite" else PostgresStore
    return await kind.open(parsed, wait=wait, on_standby=on_standby)
