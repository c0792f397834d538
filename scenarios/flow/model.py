"""The model of a flow file. Strict: every error names its line and what to write instead (scenarios/strict_yaml.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scenarios.flow.words import WORDS
from scenarios.models import Bench, BothTexts, Strict, load_bench
from scenarios.strict_yaml import FileError, load_model
from simulators.card.bodies import BODY_NAMES
from simulators.peer.city import City
from simulators.peer.faults import PeerFault

__all__ = ["CardSpec", "Expect", "Flow", "QuoteExpect", "Step", "is_flow", "load_flow"]

PAYMENT_FAMILIES = ("wechat", "alipay", "unionpay_qr")
KIOSK = "kiosk"


def _known_word(value: str) -> str:
    if value not in WORDS:
        raise ValueError(f"unknown step; use one of {', '.join(WORDS)}")
    return value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


StepWord = Annotated[str, AfterValidator(_known_word), Field(json_schema_extra={"enum": list(WORDS)})]
OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class CardSpec(Strict):
    """A card in the citizen's wallet. ``image`` is a word of docs/hand.md: ``3.0``, ``2.0``, ``bank``, ``bank-sm4``.
    ``resident``: whose it is, where it is not the citizen's own."""

    image: str
    resident: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _image_exists(self) -> CardSpec:
        name, _, algorithm = self.image.partition("-")
        if name not in BODY_NAMES or algorithm not in ("", "3des", "sm4"):
            raise ValueError(f"there is no card {self.image!r}; write 3.0, 2.0, bank, bank-sm4 or magstripe")
        return self


class QuoteExpect(Strict):
    """Amounts of the quote in fen. What is left out is not looked at; that fund, account and cash make up the total is
    always looked at."""

    total_fen: int | None = Field(default=None, ge=0)
    fund_fen: int | None = Field(default=None, ge=0)
    account_fen: int | None = Field(default=None, ge=0)
    cash_fen: int | None = Field(default=None, ge=0)


class Expect(Strict):
    """What the kiosk has to show after a step: all of it at once, within the limit of the step. ``page`` is a phase or
    stage of the kiosk (docs/kiosk.md); where there are several values, any of them will do."""

    page: OneOrMore = ()
    told: OneOrMore = ()
    trade: OneOrMore = ()
    quote: QuoteExpect | None = None
    slip: OneOrMore = ()
    notice: OneOrMore = ()
    presses: int | None = Field(default=None, ge=0)

    def __bool__(self) -> bool:
        return self != Expect()


class Step(Strict):
    """One step. ``card`` names a card of the wallet, ``into`` a slot (default: the first card reader); ``choice`` is what is
    chosen, by its number on the screen or its id; ``pin`` may be wrong on purpose; ``after`` makes a ``kill-backend``
    wait for a page. ``pause_s`` is how long the citizen takes before."""

    do: StepWord
    card: str = ""
    into: str = ""
    choice: str = ""
    code: Literal["", "wechat", "alipay", "unionpay_qr"] = ""
    pin: Literal["right", "wrong"] = "right"
    pause_s: float = Field(default=0.0, ge=0, le=60)
    within_s: float = Field(default=10.0, gt=0, le=120)
    expect: Expect = Expect()

    @model_validator(mode="after")
    def _fits_its_word(self) -> Step:
        word = WORDS[self.do]
        for name in sorted(word.needs):
            if not getattr(self, name):
                raise ValueError(f"a step {self.do} needs `{name}:`")
        if self.card and not word.hand:
            raise ValueError(f"`card:` means nothing in a step {self.do}: leave it out")
        if self.choice and not word.line:
            raise ValueError(f"`choice:` means nothing in a step {self.do}: leave it out")
        if word.passive and not self.expect:
            raise ValueError(f"a step {self.do} does nothing: say under `expect:` what it waits for")
        return self

    @property
    def line(self) -> str:
        """What the kiosk is told, without a secret; empty where the step says nothing to it."""
        word = WORDS[self.do]
        return f"{word.line} {self.choice or word.usual}".strip() if word.line else ""


class Flow(Strict):
    """A flow: one citizen, one bench, steps. ``outcome`` is how every trade has to stand at the end; with it all oracles of
    money hold in any case. ``limit_s`` bounds the whole, from the first program to the last."""

    flow: str = Field(min_length=1, max_length=64)
    title: BothTexts
    bench: Bench | str
    citizen: int = Field(default=1, ge=1)
    cards: dict[str, CardSpec] = Field(default_factory=dict[str, CardSpec])
    faults: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, "tuple[str, ...]"])
    """Faults of peers besides those of the bench, by peer (``bank: [commit-then-drop-reply:0200/000000]``). Each has to strike."""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    outcome: OneOrMore = ("paid",)
    limit_s: float = Field(default=60.0, gt=0, le=600)
    settle_s: float = Field(default=10.0, gt=0, le=120)
    """How long the platform may take after the last step until nothing moves any more."""
    folder: Path = Field(default=Path(), exclude=True)

    @model_validator(mode="after")
    def _people_exist(self) -> Flow:
        numbers = {"citizen": self.citizen}
        numbers |= {f"cards.{name}": each.resident for name, each in self.cards.items() if each.resident}
        for where, number in numbers.items():
            if City().resident(number) is None:
                raise ValueError(f"{where}: the simulated city has no resident {number}; write a smaller number")
        for number, step in enumerate(self.steps):
            if step.card and step.card not in self.cards:
                known = ", ".join(self.cards) or "none: add `cards:`"
                raise ValueError(f"steps.{number}: there is no card {step.card!r}; known: {known}")
        return self

    @property
    def stood(self) -> Bench:
        """The bench, once :func:`load_flow` has read it."""
        assert isinstance(self.bench, Bench), "load_flow reads the bench"
        return self.bench


def load_flow(path: Path) -> Flow:
    """Read a flow and its bench. Raises :class:`FileError`."""
    flow = load_model(path, Flow)
    folder = path.resolve().parent
    bench = flow.bench
    bench = load_bench(folder / bench) if isinstance(bench, str) else bench.model_copy(update={"folder": folder})
    if problems := _problems(flow, bench, path):
        raise FileError(str(path), problems)
    return flow.model_copy(update={"bench": _with_faults(flow, bench), "folder": folder})


def _with_faults(flow: Flow, bench: Bench) -> Bench:
    peers = dict(bench.peers)
    for name, faults in flow.faults.items():
        peers[name] = peers[name].model_copy(update={"faults": (*peers[name].faults, *faults)})
    return bench.model_copy(update={"peers": peers})


def _problems(flow: Flow, bench: Bench, path: Path) -> list[tuple[int, str]]:
    """What does not fit between flow and bench, with the line of *path* that says so."""
    lines = path.read_text(encoding="utf-8").splitlines()

    def line_of(text: str, nth: int = 0) -> int:
        found = [number for number, line in enumerate(lines, 1) if text in line]
        return found[min(nth, len(found) - 1)] if found else 1

    readers = [name for name, slot in bench.slots.items() if slot.device_class == "card_reader" and slot.simulated]
    pads = [name for name, slot in bench.slots.items() if slot.device_class == "pin_pad" and slot.simulated]
    wrong: list[tuple[int, str]] = []
    if KIOSK not in bench.programs:
        wrong.append(
            (line_of("bench:"), f"bench {bench.bench}: a flow needs `programs: {{kiosk: [...]}}` on its bench")
        )
    for name, faults in flow.faults.items():
        if name not in bench.peers:
            known = ", ".join(bench.peers) or "none"
            wrong.append((line_of(f"{name}:"), f"faults: bench {bench.bench} has no peer {name!r}; it has: {known}"))
        for each in faults:
            try:
                PeerFault.parse(each)
            except ValueError as error:
                wrong.append((line_of(each), f"faults.{name}: {error}"))
    for step in flow.steps:
        word = WORDS[step.do]
        at = line_of(step.do, [each.do for each in flow.steps].index(step.do))
        if word.hand in ("insert", "remove") and (step.into or (readers or [""])[0]) not in readers:
            known = ", ".join(readers) or "none"
            wrong.append(
                (at, f"{step.do}: bench {bench.bench} has no simulated card reader {step.into!r}; it has: {known}")
            )
        if word.hand == "pin" and not pads:
            wrong.append((at, f"{step.do}: bench {bench.bench} has no simulated PIN pad: add a slot of class pin_pad"))
        if word.fate and bench.backend is None:
            wrong.append((at, f"{step.do}: bench {bench.bench} has no `backend:` of its own that could be killed"))
    return wrong


def is_flow(path: Path) -> bool:
    """True where *path* looks like a flow: it is then read as one, and its errors are those of a flow."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith("flow:") for line in text.splitlines())
