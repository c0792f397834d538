"""Where the documents allow two behaviours of a social security card (spec/open-readings.md).

Names and values are those of the parameters ``card.*`` of the device profile; each default is the bracketed one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

__all__ = ["Readings"]


@dataclass(frozen=True, slots=True)
class Readings:
    """One field for each open reading. Raises ValueError for a value that is none of the choices.

    ``rkssse_on_1_0`` and ``rkssse_on_2_0`` say whether those generations have the read key of SSSE;
    ``long_challenge`` what a card with an 8-byte cipher does with a 16-byte challenge.
    """

    fci_algorithm: Literal["by-algorithm", "always-sm4"] = "by-algorithm"
    read_all_le_ff: Literal["length", "data"] = "length"
    name_extension_position: Literal["last", "third"] = "last"
    rkssse_on_1_0: Literal["absent", "present"] = "absent"
    rkssse_on_2_0: Literal["absent", "present"] = "present"
    right_kept_on_reselect: bool = True
    right_lost_in_df: bool = True
    long_challenge: Literal["first-8", "refused"] = "first-8"
    wrong_mac_status: Literal["6988", "9302"] = "6988"
    challenge_length_status: Literal["6700", "6C08"] = "6700"
    change_pin_without_old: Literal["after-verify", "refused"] = "after-verify"
    change_pin_without_new: Literal["6A80", "6700"] = "6A80"
    locked_query_status: Literal["6983", "63C0"] = "6983"
    select_df_answer: Literal["fci", "status-only"] = "fci"

    def __post_init__(self) -> None:
        hints = get_type_hints(Readings)
        for each in fields(self):
            value, choices = getattr(self, each.name), get_args(hints[each.name]) or (True, False)
            if value not in choices:
                listed = ", ".join(str(choice) for choice in choices)
                raise ValueError(f"reading {each.name}: {value!r} is none of {listed}")

    @property
    def wrong_mac_sw(self) -> int:
        return int(self.wrong_mac_status, 16)

    @property
    def challenge_length_sw(self) -> int:
        return int(self.challenge_length_status, 16)

    @property
    def locked_query_sw(self) -> int:
        return int(self.locked_query_status, 16)

    @property
    def change_pin_without_new_sw(self) -> int:
        return int(self.change_pin_without_new, 16)

    def has_rkssse(self, generation: str) -> bool:
        """Whether a card of that generation has the read key of SSSE; every 3.0 card does."""
        stated = {"1.0": self.rkssse_on_1_0, "2.0": self.rkssse_on_2_0}.get(generation, "present")
        return stated == "present"
