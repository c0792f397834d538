"""Peers that stand by themselves, for programs of others: what ``onecard peer`` and benches bring up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols.clock import Clock, UnixClock
from protocols.wire.base import Label
from scenarios.build import BenchError
from simulators.peer.base import PeerOptions, Setting, Temper
from simulators.peer.faults import PEER_FAULTS, PeerFault
from simulators.serve.journal import JournalError
from simulators.serve.peers import Exchange, PeerHost, StandingPeer, peer_kinds

__all__ = ["Exchange", "PeerPlace", "PeerRow", "fault_rows", "peer_rows", "stand_peers"]

TEMPERS: tuple[Temper, ...] = ("strict", "realistic", "hostile")


@dataclass(frozen=True, slots=True)
class PeerRow:
    """A peer that can be had: its name, what it is, how it is reached, and what can be set."""

    name: str
    label: Label
    transport: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class PeerPlace:
    """A peer that stands. ``files`` is the address of its day files, if it hands out any."""

    name: str
    url: str
    files: str = ""


def peer_rows() -> list[PeerRow]:
    """Every peer, in the order of its name."""
    return [PeerRow(each.name, each.label, each.transport, each.settings) for _, each in sorted(peer_kinds().items())]


def fault_rows() -> Mapping[str, Label]:
    """Every fault that a peer can be given."""
    return {str(name): label for name, label in PEER_FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands: places, the control face, and what clients did against the protocol so far."""

    places: tuple[PeerPlace, ...]
    control: str
    violations: Callable[[], Sequence[tuple[str, str]]]


@asynccontextmanager
async def stand_peers(
    names: Sequence[str],
    *,
    ports: Mapping[str, int] | None = None,
    control_port: int | None = None,
    journal: Path | None = None,
    faults: Sequence[str] = (),
    settings: Sequence[str] = (),
    temper: str = "strict",
    seed: int = 1,
    on_exchange: Callable[[Exchange], None] = lambda exchange: None,
    clock: Clock | None = None,
) -> AsyncIterator[Standing]:
    """Bring the peers *names* up on loopback, and down again.

    *ports*: a port by name (``bank-files`` for the files of the bank); *faults*: ``id:address,after=,times=``;
    *settings*: ``name=value``; *control_port* None: no control face, 0: any free port; *clock* shows Unix time, the machine's
    without it. Raises BenchError, LinkError.
    """
    ports = ports or {}
    try:
        armed = [PeerFault.parse(each) for each in faults]
    except ValueError as error:
        raise BenchError(str(error)) from error
    if temper not in TEMPERS:
        raise BenchError(f"temper {temper!r} is none of {', '.join(TEMPERS)}")
    known = peer_kinds()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BenchError(f"no peer {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    chosen: list[Setting] = [setting for name in names for setting in known[name].settings]
    options = PeerOptions(temper=temper, seed=seed, settings=_settings(settings, chosen))
    async with PeerHost(clock or UnixClock(), journal, on_exchange) as host:
        places: list[PeerPlace] = []
        for name in names:
            try:
                standing = await host.add(
                    name, options, port=ports.get(name, 0), files_port=ports.get(f"{name}-files", 0), faults=armed
                )
            except (JournalError, ValueError) as error:
                raise BenchError(f"peer {name!r}: {error}") from error
            places.append(PeerPlace(name, standing.url, standing.files_url))
        control = "" if control_port is None else await host.control(control_port)
        yield Standing(tuple(places), control, lambda: _violations(host.peers))


def _violations(peers: Mapping[str, StandingPeer]) -> list[tuple[str, str]]:
    return [(name, text) for name, each in peers.items() for text in each.core.violations()]


def _settings(given: Sequence[str], chosen: Sequence[Setting]) -> dict[str, Any]:
    """``name=value`` texts as values of the type that each setting has. Raises BenchError."""
    known = {each.name: each for each in chosen}
    values: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name not in known:
            raise BenchError(f"setting {text!r}: write name=value; known: {', '.join(sorted(known)) or 'none'}")
        default = known[name].default
        try:
            values[name] = _as_type(value, default)
        except ValueError as error:
            raise BenchError(f"setting {name}: {value!r} is no {type(default).__name__}") from error
    return values


def _as_type(value: str, default: str | int | bool) -> str | int | bool:
    if isinstance(default, bool):
        if value.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise ValueError(value)
        return value.lower() in ("true", "yes", "1")
    return int(value) if isinstance(default, int) else value
