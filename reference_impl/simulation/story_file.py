"""Stories as files that people read and keep: YAML, strict, each with what it has once shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from reference_impl.simulation.story import (
    ADDRESSES,
    NETWORK_STRIKES,
    PEER_STRIKES,
    Crash,
    Kind,
    Method,
    Payment,
    Shown,
    Story,
    Strike,
)
from scenarios.strict_yaml import load_model, parse_model

__all__ = ["StoryFile", "read_story", "read_story_text", "story_text"]

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Nth = Annotated[int, Field(ge=1, le=100_000)]
KIOSKS, RESIDENTS = 8, 26_000_000
EVENTS = {
    "backend": ("commit-before", "commit-after", "send", "receive", "takeover"),
    "kiosk": ("step",),
    "peer": ("message",),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Payment(_Part):
    kiosk: Annotated[int, Field(ge=1, le=KIOSKS)]
    at_s: Seconds
    resident: Annotated[int, Field(ge=1, le=RESIDENTS)]
    kind: Kind = "bill"
    bills: Annotated[int, Field(ge=1, le=2)] = 1
    insured: bool = True
    use_account: bool = True
    method: Method = "bank_card"
    payer: Literal[
        "pays", "password", "never", "declines", "poor", "unknown-paid", "unknown-unpaid", "expired"
    ] = "pays"  # fmt: skip
    wrong_pin: Annotated[int, Field(ge=0, le=2)] = 0
    cancels: bool = False
    walks_away: Literal["", "quote", "paying"] = ""
    refund_after_s: Seconds = 0.0
    shows: Shown = "resident_id"


class _Strike(_Part):
    peer: str
    address: str
    nth: Nth
    fault: str

    @model_validator(mode="after")
    def _known(self) -> _Strike:
        if self.peer not in ADDRESSES:
            raise ValueError(f"peer: one of {', '.join(ADDRESSES)}")
        if self.address not in ADDRESSES[self.peer]:
            raise ValueError(f"address: {self.peer} knows {', '.join(sorted(set(ADDRESSES[self.peer])))}")
        known = (*NETWORK_STRIKES[:5],) if self.peer == "backend" else (*NETWORK_STRIKES, *PEER_STRIKES)
        if self.fault not in known:
            raise ValueError(f"fault: one of {', '.join(known)}")
        return self


class _Crash(_Part):
    party: str
    event: str
    nth: Nth
    down_s: Annotated[float, Field(ge=-1, le=3_600)]

    @model_validator(mode="after")
    def _known(self) -> _Crash:
        kiosks = [f"kiosk-{number}" for number in range(1, KIOSKS + 1)]
        kind = "kiosk" if self.party in kiosks else "backend" if self.party == "backend" else "peer"
        if kind == "peer" and self.party not in ADDRESSES:
            raise ValueError(f"party: one of {', '.join((*ADDRESSES, *kiosks))}")
        if self.event not in EVENTS[kind]:
            raise ValueError(f"event: one of {', '.join(EVENTS[kind])}")
        if self.down_s < 0 and kind != "kiosk":
            raise ValueError("down_s: only a kiosk can be down for good (-1)")
        return self


class StoryFile(_Part):
    """``found`` is what it showed when it was kept (oracle: text), ``mutant`` under which planted mistake, if any."""

    story: Annotated[str, Field(min_length=1, max_length=200)]
    found: tuple[str, ...] = ()
    mutant: str = ""
    seed: Annotated[int, Field(ge=0)]
    begins_at: Annotated[float, Field(ge=0, le=4_102_444_800)]
    payments: Annotated[tuple[_Payment, ...], Field(min_length=1, max_length=50)]
    strikes: Annotated[tuple[_Strike, ...], Field(max_length=500)] = ()
    crashes: Annotated[tuple[_Crash, ...], Field(max_length=100)] = ()
    re_sign_in: Seconds = 0.0
    settles: Seconds = 0.0

    def to_story(self) -> Story:
        return Story(
            seed=self.seed,
            begins_at=self.begins_at,
            payments=tuple(Payment(**each.model_dump()) for each in self.payments),
            strikes=tuple(Strike(**each.model_dump()) for each in self.strikes),
            crashes=tuple(Crash(**each.model_dump()) for each in self.crashes),
            re_sign_in=self.re_sign_in,
            settles=self.settles,
        )


def read_story(path: Path) -> StoryFile:
    """Raises :class:`scenarios.strict_yaml.FileError` naming line and remedy."""
    return load_model(path, StoryFile)


def read_story_text(text: str, where: str = "<text>") -> StoryFile:
    """As :func:`read_story`."""
    return parse_model(text, StoryFile, where)


def story_text(story: Story, title: str, found: tuple[str, ...] = (), mutant: str = "") -> str:
    """The file of *story*; what is as usual is left out of it."""
    told = StoryFile.model_validate({"story": title, "found": found, "mutant": mutant, **story.as_dict()})
    plain = told.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=120)
