"""What a bench file may say of services: simulated peers, and the backend between them and the kiosk."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulators.peer.faults import PeerFault
from simulators.serve.peers import peer_kinds

__all__ = ["BACKEND_WORDS", "BackendSpec", "PeerSpec", "peer_problem"]

BACKEND_WORDS = ("backend", "terminal", "enrol", "folder")
"""What a program's command line may have filled in where a backend stands: its URL, the number of this terminal and the
one-time code under which it enrols, and a folder of its own for key and outbox."""

_DATABASE = re.compile(r"^(sqlite|postgresql://\S+)$")


class PeerSpec(BaseModel):
    """One simulated peer. ``settings`` are those of ``onecard peer NAME --help``; ``faults`` are written as there
    (``commit-then-drop-reply:0200/000000,times=1``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temper: Literal["strict", "realistic", "hostile"] = "strict"
    settings: dict[str, bool | int | str] = Field(default_factory=dict[str, "bool | int | str"])
    faults: tuple[str, ...] = ()

    @field_validator("faults")
    @classmethod
    def _faults_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            PeerFault.parse(each)
        return value

    def armed(self) -> tuple[PeerFault, ...]:
        return tuple(PeerFault.parse(each) for each in self.faults)


class BackendSpec(BaseModel):
    """The backend as a process. ``database``: ``sqlite`` (a file in the folder of the run) or a ``postgresql://`` URL of an
    empty database; ``terminal`` is which kiosk of the simulated city stands on this bench, from 1; ``peers_limit_s`` is how
    long the backend waits for bank and insurance (60 s in the field); ``settings`` are those of the backend, by section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = "sqlite"
    terminal: int = Field(default=1, ge=1, le=550)
    peers_limit_s: float = Field(default=60.0, gt=0, le=300)
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])

    @field_validator("database")
    @classmethod
    def _database_is_known(cls, value: str) -> str:
        if not _DATABASE.fullmatch(value):
            raise ValueError("write sqlite (a file in the folder of the run) or postgresql://USER@HOST:PORT/DATABASE")
        return value


def peer_problem(name: str, spec: PeerSpec) -> str:
    """Why there can be no such peer, with what to write instead; empty where there can."""
    kinds = peer_kinds()
    if name not in kinds:
        return f"peers: there is no peer {name!r}; known: {', '.join(sorted(kinds))}"
    known = {each.name: each.default for each in kinds[name].settings}
    for key, value in spec.settings.items():
        if key not in known:
            return f"peers.{name}: no setting {key!r}; known: {', '.join(sorted(known)) or 'none'}"
        if type(value) is not type(known[key]):
            return f"peers.{name}.settings.{key}: {value!r} is no {type(known[key]).__name__}"
    return ""
