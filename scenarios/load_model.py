"""Models of the load files (scenarios/load): a city, who comes to its kiosks, when, and what must hold. Strict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from scenarios.models import BothTexts, Strict
from scenarios.strict_yaml import FileError, load_model

__all__ = [
    "LoadFile",
    "LoadLimits",
    "Mix",
    "StageLimits",
    "StageSpec",
    "Think",
    "find_load_file",
    "load_files",
    "load_load_file",
]

HERE = Path(__file__).resolve().parent / "load"

Positive = Annotated[float, Field(gt=0, le=3_600_000)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Weight = Annotated[int, Field(ge=0, le=1_000)]
MethodName = Literal["bank_card", "wechat", "alipay", "unionpay_qr"]
PayerName = Literal["insured", "covered", "self"]
CredentialName = Literal["social_security_card", "resident_id", "e_credential"]


class StageLimits(Strict):
    """What must hold in a stage. ``api_p99_ms``: of calls that are answered at once, from their intended instant;
    ``quoted_p99_ms``: from opening a trade to its quote; ``decided_p99_ms``: from the press of pay to the decision;
    ``all_decided_s``: the last of those decisions."""

    api_p99_ms: Positive | None = None
    quoted_p99_ms: Positive | None = None
    decided_p99_ms: Positive | None = None
    all_decided_s: Positive | None = None

    @model_validator(mode="after")
    def _says_something(self) -> StageLimits:
        if self.tightest_ms is None:
            raise ValueError("阶段须有至少一个限值 / a stage without a limit cannot fail: write at least one")
        return self

    @property
    def tightest_ms(self) -> float | None:
        """What the generator's own lag is measured by."""
        named = [self.api_p99_ms, self.quoted_p99_ms, self.decided_p99_ms]
        named.append(None if self.all_decided_s is None else self.all_decided_s * 1000)
        return min((each for each in named if each is not None), default=None)


class StageSpec(Strict):
    """A part of a load. ``steady`` and ``poisson``: ``rate_per_s`` services a second for ``for_s``. ``barrier``: ``count``
    kiosks get ready during ``for_s`` and press pay in the same instant at its end. ``rest_s``: nobody comes after it."""

    stage: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    shape: Literal["steady", "poisson", "barrier"]
    for_s: Annotated[float, Field(gt=0, le=3600)]
    rest_s: Seconds = 0.0
    rate_per_s: Annotated[float, Field(gt=0, le=10_000)] | None = None
    count: Annotated[int, Field(ge=1, le=20_000)] | None = None
    limits: StageLimits

    @model_validator(mode="after")
    def _has_its_number(self) -> StageSpec:
        barrier = self.shape == "barrier"
        if (self.count is not None) != barrier or (self.rate_per_s is not None) == barrier:
            raise ValueError("barrier 写 count，其余写 rate_per_s / a barrier has a count, the others a rate_per_s")
        return self


class Think(Strict):
    """How long a citizen takes, in seconds, before what they are named for."""

    bills: Seconds = 1.0
    open: Seconds = 2.0
    pay: Seconds = 4.0
    receipt: Seconds = 1.0


class Mix(Strict):
    """Weights. ``payers``: ``insured`` (a part is left to pay), ``covered`` (the insurance pays all), ``self``."""

    payers: Mapping[PayerName, Weight]
    methods: Mapping[MethodName, Weight]
    credentials: Mapping[CredentialName, Weight]

    @field_validator("payers", "methods", "credentials")
    @classmethod
    def _somebody_comes(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        if not sum(value.values()):
            raise ValueError("权重不能全为零 / the weights must not all be zero")
        return value


class LoadLimits(Strict):
    """What must hold in the whole run. ``lag_share``: the generator's own lag (p99) may be so much of a stage's tightest limit;
    ``generator_cpu``: of one core, in any stage. Beyond these, nothing is said about the system. ``others_cpu``: what programs that are
    not of the bench may use of one core; beyond it a time over its limit is put down to them. The others are counts."""

    lag_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    generator_cpu: Annotated[float, Field(gt=0, le=1)] = 0.8
    others_cpu: Annotated[float, Field(ge=0, le=64)] = 0.3
    refused: Annotated[int, Field(ge=0)] = 0
    unanswered: Annotated[int, Field(ge=0)] = 0
    not_paid: Annotated[int, Field(ge=0)] = 0
    dropped: Annotated[int, Field(ge=0)] = 0


class LoadFile(Strict):
    """A load. ``exchange_s``: so long a kiosk waits for a reply before it counts as never answered."""

    city: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    title: BothTexts
    towns: Annotated[int, Field(ge=1, le=99_999)]
    clinics: Annotated[int, Field(ge=1, le=99_999)]
    kiosks: Annotated[int, Field(ge=1, le=19_000)]
    heartbeat_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    exchange_s: Annotated[float, Field(ge=0.1, le=60)] = 6.0
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    think: Think = Think()
    mix: Mix
    stages: Annotated[tuple[StageSpec, ...], Field(min_length=1, max_length=20)]
    limits: LoadLimits = LoadLimits()

    @model_validator(mode="after")
    def _fits_together(self) -> LoadFile:
        if self.towns > self.clinics:
            raise ValueError("镇街数不能多于机构数 / there are not more towns than clinics")
        names = [each.stage for each in self.stages]
        if len(set(names)) != len(names):
            raise ValueError("阶段名重复 / two stages have one name")
        for each in self.stages:
            if each.count is not None and each.count > self.kiosks:
                raise ValueError(f"{each.stage}: count {each.count} > kiosks {self.kiosks}")
        return self


def load_files() -> list[Path]:
    """The load files that come with the project."""
    return sorted(HERE.glob("*.yaml"))


def find_load_file(name: str) -> Path:
    """The file of a city by its name (``dongguan``), or the path *name* itself. Raises FileError naming the cities."""
    shipped = {each.stem: each for each in load_files()}
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if not path.suffix and not path.exists():
        known = ", ".join(sorted(shipped))
        raise FileError(name, [(1, f"没有这个城市，可用：{known} / no such city; there are: {known}, or name a file")])
    return path


def load_load_file(path: Path) -> LoadFile:
    """Raises FileError."""
    return load_model(path, LoadFile)
