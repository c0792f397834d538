"""Opening everything in its order and closing it in the opposite one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from argon2 import PasswordHasher

from protocols.clock import Clock
from reference_impl.backend.administration.access import Access
from reference_impl.backend.administration.changes import Changes
from reference_impl.backend.administration.directory import Directory
from reference_impl.backend.administration.login import Login
from reference_impl.backend.administration.passwords import Passwords
from reference_impl.backend.audit.trail import SYSTEM, Act, Trail
from reference_impl.backend.dictionaries.dictionary import Dictionaries
from reference_impl.backend.keys import DataVault, Keys, KeysError
from reference_impl.backend.metrics import Metrics
from reference_impl.backend.notices.contacts import Contacts
from reference_impl.backend.services import Services
from reference_impl.backend.settings import Settings
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.store import Store
from reference_impl.backend.storage.tables import INSTANCE
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.terminals.admission import Admission
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.till import Till, till_of

__all__ = ["running"]

KEY_STAMP = "key_stamp"


@asynccontextmanager
async def running(
    settings: Settings,
    keys: Keys,
    clock: Clock,
    *,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
    hasher: PasswordHasher | None = None,
    wait: bool = True,
    on_standby: Callable[[], None] | None = None,
) -> AsyncIterator[Services]:
    """The services on the database of *settings*, once this process is its writer.

    Raises what :func:`reference_impl.backend.storage.open_store` raises, KeysError for another database's keys, and
    SettingsError for credentials that cannot be used.
    """
    store = await open_store(settings.database.get_secret_value(), wait=wait, on_standby=on_standby)
    try:
        await _same_keys(store, keys)
        services = await _opened(settings, keys, clock, store, entropy, hasher)
        contacts = Contacts(store, DataVault(keys.data, entropy), services.trail.token)
        async with till_of(settings, store, services.fleet, contacts, clock, entropy) as services.till:
            if services.till is not None:
                services.failures.append(services.till.business.engine.failed)
                services.failures.append(_defect(services.till.batches))
                if services.till.postman is not None:
                    services.failures.append(_defect(services.till.postman))
                _measured_till(services.metrics, services.till)
            yield services
    finally:
        await store.aclose()


def _defect(task: asyncio.Task[Any]) -> asyncio.Future[None]:
    """Ends with the error of *task*, if it has one; a task that does its work ends nothing."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ended(done: asyncio.Task[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not failed.done():
            failed.set_exception(error)

    task.add_done_callback(ended)
    failed.add_done_callback(lambda future: future.cancelled() or future.exception())
    return failed


async def _opened(
    settings: Settings,
    keys: Keys,
    clock: Clock,
    store: Store,
    entropy: Callable[[int], bytes],
    hasher: PasswordHasher | None,
) -> Services:
    started_at, metrics, limits, times = clock.now(), Metrics(), settings.limits, settings.times
    trail = await Trail.open(store, clock, keys)
    await trail.record(SYSTEM, Act("backend.started", details={"epoch": store.epoch}))
    directory = await Directory.open(store.engine)
    access = Access(directory, trail)
    passwords = Passwords(limits.login_at_once, limits.login_waiting, hasher)
    fleet = await Fleet.open(store, trail, clock, times, entropy)
    admission = Admission(fleet, trail, store, keys, clock, limits, times, metrics, entropy, started_at)
    await admission.recall()
    _measured(metrics, store, fleet)
    return Services(
        settings=settings,
        clock=clock,
        entropy=entropy,
        keys=keys,
        store=store,
        metrics=metrics,
        started_at=started_at,
        trail=trail,
        directory=directory,
        access=access,
        login=Login(directory, trail, passwords, keys, clock, limits, times),
        changes=Changes(directory, access, passwords, clock, entropy),
        dictionaries=await Dictionaries.open(store.engine, trail),
        fleet=fleet,
        admission=admission,
        failures=[store.failed],
    )


async def _same_keys(store: Store, keys: Keys) -> None:
    """The keys with which this database was written. Others could read none of it, and would break its audit trail."""
    async with store.engine.connect() as connection:
        rows = await connection.execute(INSTANCE.select().where(INSTANCE.c.name == KEY_STAMP))
        stamp = next((row.value for row in rows), None)
    if stamp is None:
        await store.commit([Write(INSTANCE, (KEY_STAMP, keys.stamp))])
    elif stamp != keys.stamp:
        raise KeysError("this database was written with other keys: name their file in the setting keys_file")


def _measured_till(metrics: Metrics, till: Till) -> None:
    metrics.gauge("trades_busy", "Trades that have not ended", lambda: till.business.engine.busy)


def _measured(metrics: Metrics, store: Store, fleet: Fleet) -> None:
    metrics.gauge("store_waiting", "Commits that wait for a transaction", lambda: store.waiting)
    metrics.gauge("store_away", "1 while the database does not answer", lambda: float(store.away))
    metrics.gauge("store_commits", "Commits since the start", lambda: store.stats.commits)
    metrics.gauge("store_transactions", "Transactions since the start", lambda: store.stats.groups)
    metrics.gauge("store_largest_group", "Most commits in one transaction", lambda: store.stats.largest)
    metrics.gauge("epoch", "Processes that have written to this database", lambda: store.epoch)
    metrics.gauge(
        "terminals",
        "Terminals that were not removed",
        lambda: sum(t.state != "removed" for t in fleet.terminals.values()),
    )
    metrics.gauge(
        "terminals_online", "Terminals heard within three periods", lambda: sum(map(fleet.online, fleet.terminals))
    )
