"""What has arrived at the notice platform, as it may be shown: receivers and contents masked, found again by keyed tokens."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.clock import civil

__all__ = ["Arrived", "Sink", "openid_number", "phone_number", "unfit"]

_OPENID = re.compile(r"oSIM([0-9]{12})")
_PHONE = re.compile(r"100([0-9]{8})")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{9,}[0-9Xx]?(?![0-9A-Za-z])")
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("thing", re.compile(r".{1,20}")),
    ("time", re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2}|年[0-9]{1,2}月[0-9]{1,2}日) [0-9]{2}:[0-9]{2}(:[0-9]{2})?")),
    ("character_string", re.compile(r"[\x21-\x7e]{1,32}")),
    ("amount", re.compile(r"[¥￥]?[0-9]{1,10}(\.[0-9]{1,2})?元?")),
)
"""What the platform lets a value of such a key be."""


def openid_number(openid: str) -> int:
    """The resident behind an openid of the bench; 0 for any other text."""
    found = _OPENID.fullmatch(openid)
    return int(found[1]) if found else 0


def phone_number(phone: str) -> int:
    """The resident behind a phone of the bench; 0 for any other text."""
    found = _PHONE.fullmatch(phone)
    return int(found[1]) if found else 0


def unfit(key: str, value: str) -> bool:
    """True for a value that the platform does not take under *key*; older keys (first, keyword1, remark) take any."""
    for beginning, form in _FORMS:
        if key.startswith(beginning):
            return not form.fullmatch(value)
    return False


@dataclass(frozen=True, slots=True)
class Arrived:
    """``to`` and ``values`` are masked; ``token`` finds the receiver again."""

    number: int
    channel: str
    message_id: str
    to: str
    token: str
    template: str
    at: float
    values: Mapping[str, str] = field(default_factory=dict[str, str])


class Sink:
    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"notice sink {seed}".encode()).digest()
        self.arrived: list[Arrived] = []
        self._known: dict[tuple[str, str, str], Arrived] = {}
        self._of_day: Counter[tuple[str, str]] = Counter()

    def known(self, channel: str, to: str, message_id: str) -> Arrived | None:
        """The message with that id to that receiver, if it has arrived before. Without an id every message is a new one."""
        return self._known.get((channel, self._token(to), message_id)) if message_id else None

    def event(
        self,
        channel: str,
        message_id: str,
        to: str,
        template: str,
        values: Mapping[str, str],
        secrets: Iterable[str],
        now: float,
    ) -> Mapping[str, Any]:
        """What is written down of a message: nothing of it that says who somebody is."""
        private = tuple(secrets)
        return {
            "e": "arrived",
            "channel": channel,
            "id": message_id,
            "to": f"{to[:4]}***{to[-2:]}",
            "token": self._token(to),
            "template": template,
            "at": now,
            "values": {key[:32]: _masked(value, private) for key, value in values.items()},
        }

    def apply(self, event: Mapping[str, Any]) -> None:
        arrived = Arrived(
            len(self.arrived) + 1,
            event["channel"],
            event["id"],
            event["to"],
            event["token"],
            event["template"],
            event["at"],
            event["values"],
        )
        self.arrived.append(arrived)
        if arrived.message_id:
            self._known[arrived.channel, arrived.token, arrived.message_id] = arrived
        day = f"{civil(arrived.at):%Y%m%d}"
        self._of_day[arrived.channel, day] += 1
        self._of_day[arrived.token, day] += 1

    def of_day(self, channel: str, now: float) -> int:
        """How many messages have arrived through *channel* on the day of *now*."""
        return self._of_day[channel, f"{civil(now):%Y%m%d}"]

    def to_today(self, to: str, now: float) -> int:
        """How many messages that receiver got on the day of *now*."""
        return self._of_day[self._token(to), f"{civil(now):%Y%m%d}"]

    def counts(self) -> Mapping[str, object]:
        by_kind = Counter(f"{each.channel}:{each.template}" for each in self.arrived)
        return {"arrived": dict(sorted(by_kind.items()))}

    def shown(self, query: Mapping[str, str]) -> list[Mapping[str, object]]:
        """What has arrived and fits *query*, oldest first. A ``since`` that is no number finds nothing."""
        try:
            since = float(query.get("since", "0"))
        except ValueError:
            return []
        wanted = {name: query[name] for name in ("channel", "message_id", "template") if name in query}
        token = self._token(query["to"]) if "to" in query else ""
        return [
            {
                "number": each.number,
                "channel": each.channel,
                "message_id": each.message_id,
                "to": each.to,
                "template": each.template,
                "at": each.at,
                "values": dict(each.values),
            }
            for each in self.arrived
            if each.at >= since
            and token in ("", each.token)
            and all(getattr(each, name) == value for name, value in wanted.items())
        ]

    def _token(self, to: str) -> str:
        return hashlib.blake2s(to.encode("utf-8", "replace"), key=self._key, digest_size=12).hexdigest()


def _masked(value: str, secrets: Iterable[str]) -> str:
    for each in secrets:
        value = value.replace(each, "***")
    # Trade numbers begin with letters and stay; a bare long number may be anybody's.
    return _LONG_NUMBER.sub(lambda found: f"{found[0][:3]}***{found[0][-2:]}", value)
