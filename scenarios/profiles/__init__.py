"""Terminal profiles and device-class profiles, read from the YAML files of this folder.

A *terminal profile* names a kind of terminal and what its documents ask of each device in it. A *device-class profile*
(``device_<class>.yaml``) defines what a supplier declares (PICS items) and where the documents allow two behaviours
(parameters: the open readings). Both are strict: an error names file, line and remedy.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import TypeVar

from pydantic import BaseModel

from scenarios.profiles.device_class import DeviceClassProfile, Parameter, PicsItem, PixitItem, Value
from scenarios.profiles.terminal import Demand, Profile, ProfileDevice
from scenarios.strict_yaml import FileError, load_model

__all__ = [
    "Demand",
    "DeviceClassProfile",
    "Parameter",
    "PicsItem",
    "PixitItem",
    "Profile",
    "ProfileDevice",
    "Value",
    "device_class_names",
    "device_class_profile",
    "load_profile",
    "profile_ids",
]

M = TypeVar("M", bound=BaseModel)

_PREFIX = "device_"


@cache
def _stems() -> tuple[str, ...]:
    names = (each.name for each in files(__name__).iterdir())
    return tuple(sorted(each.removesuffix(".yaml") for each in names if each.endswith(".yaml")))


def profile_ids() -> tuple[str, ...]:
    """Ids of the terminal profiles, in alphabetical order."""
    return tuple(each for each in _stems() if not each.startswith(_PREFIX))


def device_class_names() -> tuple[str, ...]:
    """Names of the device classes that have a profile, in alphabetical order."""
    return tuple(each.removeprefix(_PREFIX) for each in _stems() if each.startswith(_PREFIX))


@cache
def load_profile(profile_id: str) -> Profile:
    """The terminal profile *profile_id*.

    Raises :class:`FileError` for an unknown id, for a broken file, and for a demand on a PICS item that its device
    class does not define or that cannot have the demanded value.
    """
    if profile_id not in profile_ids():
        raise FileError(
            f"scenarios/profiles/{profile_id}.yaml",
            [(1, f"未知的终端类型 / unknown profile {profile_id!r}; use one of {', '.join(profile_ids())}")],
        )
    profile = _read(profile_id, Profile)
    problems: list[tuple[str, str]] = []
    if profile.id != profile_id:
        problems.append((f"id: {profile.id}", f"编号与文件名不符 / id is {profile.id!r}: write {profile_id!r}"))
    for device in profile.devices:
        if device.device_class in device_class_names():
            problems += device.problems(device_class_profile(device.device_class))
        elif device.demands:
            what = f"{device.device_class} 尚无设备类定义 / {device.device_class} has no device-class profile"
            problems.append((f"device_class: {device.device_class}", f"{what}: remove its demands"))
    if problems:
        text = (files(__name__) / f"{profile_id}.yaml").read_text(encoding="utf-8")
        raise FileError(f"scenarios/profiles/{profile_id}.yaml", [(_line(text, near), what) for near, what in problems])
    return profile


@cache
def device_class_profile(name: str) -> DeviceClassProfile:
    """The profile of device class *name*, such as ``card_reader``. Raises :class:`FileError`."""
    if name not in device_class_names():
        raise FileError(
            f"scenarios/profiles/{_PREFIX}{name}.yaml",
            [(1, f"未知的设备类 / unknown device class {name!r}; use one of {', '.join(device_class_names())}")],
        )
    return _read(_PREFIX + name, DeviceClassProfile)


def _read(stem: str, model: type[M]) -> M:
    with as_file(files(__name__) / f"{stem}.yaml") as path:
        return load_model(path, model)


def _line(text: str, near: str) -> int:
    """The first line that holds *near*; 1 when none does."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if near in line), 1)
