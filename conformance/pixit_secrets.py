"""PIXIT values that may not leave the bench: which ones they are, and what stands in a dossier in their place.

A PIN is left out. A key is left out too unless it is the published default, and its check value stays: the first three
bytes of its cipher over zeros, which tell two keys apart and neither of them to a reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.judge_crypto import SM4, TDES, check_value
from protocols.wire.base import Privacy
from scenarios.profiles import DeviceClassProfile, PixitItem, device_class_profile

__all__ = [
    "KCV_SUFFIX",
    "SecretNeeded",
    "Withheld",
    "key_check_value",
    "secret_literals",
    "secret_values",
    "shown_pixit",
    "with_secrets",
]

KCV_SUFFIX = "_kcv"
Pixit = Mapping[str, Any]


class SecretNeeded(Exception):
    """An oracle asked for a PIXIT value that the history leaves out, and that was not given to the judge."""

    def __init__(self, item: str) -> None:
        super().__init__(item)
        self.item = item


class Withheld(dict[str, Any]):
    """PIXIT values of which *missing* are left out: asking for one of those raises :class:`SecretNeeded`."""

    def __init__(self, values: Pixit, missing: frozenset[str]) -> None:
        super().__init__(values)
        self._missing = missing

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self or key in self._missing else default

    def __missing__(self, key: str) -> Any:
        if key in self._missing:
            raise SecretNeeded(key)
        raise KeyError(key)


def key_check_value(key: str, pics: Mapping[str, Any]) -> str:
    """Six hexadecimal digits for *key* (hexadecimal), under the algorithm that *pics* declare; 3DES when they do not."""
    algorithm = SM4 if pics.get("card.algorithm") == "sm4" else TDES
    return check_value(algorithm, bytes.fromhex(key)).hex().upper()


def shown_pixit(device_class: str, values: Pixit, pics: Mapping[str, Any]) -> dict[str, Any]:
    """*values* as a lock, a history and a result may hold them."""
    items = _items(device_class)
    shown: dict[str, Any] = {}
    for name, value in values.items():
        item = items.get(name)
        if (
            item is None
            or item.privacy not in (Privacy.PIN, Privacy.KEY)
            or (item.privacy is Privacy.KEY and value == item.default)
        ):
            shown[name] = value
        elif item.privacy is Privacy.KEY:
            shown[name + KCV_SUFFIX] = key_check_value(str(value), pics)
    return shown


def secret_values(device_class: str, values: Pixit) -> dict[str, str]:
    """Those of *values* that no dossier may hold: PINs and keys other than the published ones."""
    items = _items(device_class)
    return {
        name: str(value)
        for name, value in values.items()
        if name in items and items[name].privacy in (Privacy.PIN, Privacy.KEY) and value != items[name].default
    }


def secret_literals(device_class: str, values: Pixit) -> list[tuple[Privacy, bytes]]:
    """:func:`secret_values` as a masker and a leak finder look for them: PINs as text, keys as bytes."""
    items = _items(device_class)
    found: list[tuple[Privacy, bytes]] = []
    for name, value in secret_values(device_class, values).items():
        privacy = items[name].privacy
        found.append((privacy, bytes.fromhex(value) if privacy is Privacy.KEY else value.encode()))
    return found


def with_secrets(facts: Mapping[str, Any], secrets: Pixit) -> dict[str, Any]:
    """*facts* of a history with what they leave out taken from *secrets*, each only when its check value fits.

    Raises :class:`SecretNeeded` for a value of *secrets* that is not the one of the run.
    """
    pixit = facts.get("pixit")
    if not isinstance(pixit, Mapping):
        return dict(facts)
    known: dict[str, Any] = {str(name): value for name, value in pixit.items()}
    missing = {name.removesuffix(KCV_SUFFIX) for name in known if name.endswith(KCV_SUFFIX)}
    for name in sorted(missing & secrets.keys()):
        if key_check_value(str(secrets[name]), facts.get("pics") or {}) != known[name + KCV_SUFFIX]:
            raise SecretNeeded(name)
        known[name] = secrets[name]
    return {**facts, "pixit": Withheld(known, frozenset(missing - secrets.keys()))}


def _items(device_class: str) -> dict[str, PixitItem]:
    profile: DeviceClassProfile = device_class_profile(device_class)
    return {each.id: each for each in profile.pixit_items}
