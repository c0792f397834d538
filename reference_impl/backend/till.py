"""The money side of a running process: business over the real network and the real store, from its recovery to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from protocols.clock import Clock
from reference_impl.backend.banking.batch import batch_items
from reference_impl.backend.banking.daily import DailyBatches
from reference_impl.backend.banking.terminals import BankPlace, read_terminals
from reference_impl.backend.business import Business, Means, open_business
from reference_impl.backend.channels.notify_client import NotifyClient
from reference_impl.backend.connections import Credentials, links_of, notify_of, read_credentials
from reference_impl.backend.frame_transport import StreamTransport
from reference_impl.backend.http_transport import AiohttpTransport
from reference_impl.backend.notices.contacts import Contacts
from reference_impl.backend.notices.postman import Postman
from reference_impl.backend.numbers import TradeNumbers
from reference_impl.backend.peers import NOT_CONNECTED
from reference_impl.backend.problems import ProblemError
from reference_impl.backend.settings import Settings
from reference_impl.backend.settlement.rules import Policy, Rules
from reference_impl.backend.storage.store import Store
from reference_impl.backend.terminals.fleet import Fleet

__all__ = ["Till", "business_of", "till_of"]


@dataclass(frozen=True, slots=True)
class Till:
    """What the last process left has been taken up. ``batches`` closes those of the bank, ``postman`` brings notices where there is a
    platform for them; a defect ends any of them with its error."""

    business: Business
    credentials: Credentials
    http: AiohttpTransport
    contacts: Contacts
    batches: asyncio.Task[None]
    postman: asyncio.Task[None] | None


@asynccontextmanager
async def till_of(
    settings: Settings, store: Store, fleet: Fleet, contacts: Contacts, clock: Clock, entropy: Callable[[int], bytes]
) -> AsyncIterator[Till | None]:
    """None where no credentials are set: then no payment is taken. Raises :class:`SettingsError`.

    At the end every trade stops where it is: what is durable is enough to go on from.
    """
    if settings.credentials_file is None:
        yield None
        return
    credentials = read_credentials(settings.credentials_file)
    links = links_of(credentials)
    peers = settings.peers
    http = AiohttpTransport(peers.over_http)
    try:
        means = Means(
            store=store,
            http=http,
            frames=StreamTransport({} if peers.bank is None else {"bank": peers.bank}),
            clock=clock,
            entropy=entropy,
            epoch=store.epoch,
            numbers=TradeNumbers(store.epoch),
            places=lambda terminal_id: _place(fleet, terminal_id),
            batch=batch_items(store.engine),
            bank_rows=await read_terminals(store.engine),
        )
        rules = Rules(Policy(settings.policy.citizen_s, settings.policy.undo_tries, settings.policy.undo_pause_s))
        business = open_business(links, means, rules)
        notify = notify_of(credentials) if peers.notify is not None else None
        batches = DailyBatches(
            lambda: business.bank.terminals, business.bank.settle, clock, settings.policy.batch_minute
        )
        tasks: list[asyncio.Task[None]] = []
        try:
            # Before any terminal is let in: what the last process left comes first, at the bank's terminals above all.
            await business.engine.recover()
            closing = asyncio.create_task(batches.keep(), name="batches")
            tasks.append(closing)
            postman = None
            if notify is not None:
                client = NotifyClient(notify, http, clock)
                postman = asyncio.create_task(Postman(store, client, contacts, clock).keep(), name="postman")
                tasks.append(postman)
            yield Till(business, credentials, http, contacts, closing, postman)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await business.engine.aclose()
    finally:
        await http.aclose()


def _place(fleet: Fleet, terminal_id: str) -> BankPlace | None:
    """A terminal that was removed still has what it owes the bank; its number may by then be another's."""
    held = fleet.terminals.get(terminal_id)
    if held is None or not held.bank_terminal:
        return None
    return BankPlace(held.bank_terminal, held.merchant)


def business_of(till: Till | None) -> Business:
    """Raises :class:`ProblemError` where no payment is taken."""
    if till is None:
        raise ProblemError(NOT_CONNECTED)
    return till.business
