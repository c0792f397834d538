"""Stories: aimed at messages that exist, kept as files that are read strictly, made shorter without losing what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.wire.his.routes import addresses
from protocols.wire.insurance.transactions import ALIASES, TRANSACTIONS
from protocols.wire.qr import alipay, unionpay, wechat
from reference_impl.simulation.campaign import judge
from reference_impl.simulation.shrink import shrink
from reference_impl.simulation.story import ADDRESSES, MORNING, PEER_STRIKES, Crash, Payment, Story, Strike
from reference_impl.simulation.story_file import read_story, read_story_text, story_text
from reference_impl.simulation.story_maker import MOST_REFUSALS, story_of_seed
from reference_impl.simulation.world import play
from scenarios.strict_yaml import FileError
from simulators.peer.faults import PEER_FAULTS

KEPT = Path(__file__).resolve().parents[2] / "scenarios" / "money"

KNOWN = {
    "his": set(addresses()),
    "insurance": {*TRANSACTIONS, *ALIASES},
    "bank": {
        "0200/000000",
        "0200/200000",
        "0220/200000",
        "0400",
        "0500",
        "0800",
    },  # spec/services.md 3.2, MTI and field 3
    "qr": {*wechat.PATHS, *alipay.METHODS, *unionpay.PATHS},
}


@pytest.mark.parametrize("peer", KNOWN)
def test_faults_are_aimed_at_messages_that_the_peer_knows_by_that_name(peer: str) -> None:
    assert set(ADDRESSES[peer]) <= KNOWN[peer]


def test_strikes_of_peers_are_fault_switches_of_peers() -> None:
    assert set(PEER_STRIKES) <= set(PEER_FAULTS)


def test_a_seed_is_always_the_same_story_and_another_seed_another_one() -> None:
    stories = [story_of_seed(seed) for seed in range(1, 60)]
    assert stories == [story_of_seed(seed) for seed in range(1, 60)]
    assert len({replace(each, seed=0) for each in stories}) == len(stories)


def test_no_story_refuses_until_a_person_has_to_look() -> None:
    for seed in range(1, 200):
        refusals = [(each.peer, each.address) for each in story_of_seed(seed).strikes if each.fault == "refuse"]
        assert all(refusals.count(each) <= MOST_REFUSALS for each in refusals)


# Files.


def test_a_story_survives_its_file() -> None:
    for seed in range(1, 60):
        story = story_of_seed(seed)
        assert read_story_text(story_text(story, f"seed {seed}")).to_story() == story


MINIMAL = """\
story: one bill
seed: 1
begins_at: 1795305600
payments:
- {kiosk: 1, at_s: 0, resident: 1}
"""


def test_what_is_left_out_of_a_file_is_as_usual() -> None:
    assert read_story_text(MINIMAL).to_story() == Story(1, MORNING, (Payment(1, 0.0, 1),))


BAD = {
    "a word too many": (MINIMAL + "colour: blue\n", "colour"),
    "no such peer": (MINIMAL + "strikes:\n- {peer: post, address: '1', nth: 1, fault: refuse}\n", "peer: one of"),
    "no such message": (MINIMAL + "strikes:\n- {peer: bank, address: '9', nth: 1, fault: refuse}\n", "bank knows"),
    "no such fault": (MINIMAL + "strikes:\n- {peer: bank, address: '0400', nth: 1, fault: sneeze}\n", "fault: one of"),
    "a kiosk cannot forge": (MINIMAL + "strikes:\n- {peer: backend, address: pay, nth: 1, fault: forge-reply}\n", "fault: one of"),
    "no such event": (MINIMAL + "crashes:\n- {party: bank, event: step, nth: 1, down_s: 1}\n", "event: one of"),
    "a bank for good": (MINIMAL + "crashes:\n- {party: bank, event: message, nth: 1, down_s: -1}\n", "only a kiosk"),
    "nobody pays": (MINIMAL.replace("\n- {kiosk: 1, at_s: 0, resident: 1}", " []"), "payments"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_wrong_is_named_with_the_remedy(name: str) -> None:
    text, remedy = BAD[name]
    with pytest.raises(FileError) as caught:
        read_story_text(text, "story.yaml")
    assert remedy in str(caught.value)
    assert "story.yaml:" in str(caught.value)


# Shrinking.

LONG = Story(
    seed=5,
    begins_at=MORNING + 15 * 3600 - 45,
    payments=tuple(Payment(1 + at % 2, 3.0 * at, 10 + at, method="wechat", refund_after_s=90.0) for at in range(5)),
    strikes=tuple(Strike("bank", "0400", nth, "lose-reply") for nth in range(1, 7)),
    crashes=(Crash("backend", "send", 4, 9.0), Crash("kiosk-1", "step", 3, -1.0), Crash("bank", "message", 2, 5.0)),
    re_sign_in=20.0,
    settles=50.0,
)


def needs(what: Callable[[Story], bool]) -> Callable[[Story], bool]:
    return lambda story: bool(story.payments) and what(story)


def test_everything_that_does_not_matter_goes() -> None:
    short = shrink(LONG, needs(lambda story: Crash("kiosk-1", "step", 3, -1.0) in story.crashes))
    assert (len(short.payments), short.strikes, short.crashes) == (1, (), (Crash("kiosk-1", "step", 3, -1.0),))
    assert (short.re_sign_in, short.settles, short.begins_at) == (0.0, 0.0, MORNING)
    assert short.payments[0] == replace(
        LONG.payments[-1], kiosk=1, at_s=0.0, resident=1, refund_after_s=0.0, insured=False
    )


def test_what_matters_together_stays_together() -> None:
    def both(story: Story) -> bool:
        return {2, 5} <= {each.nth for each in story.strikes} and any(each.resident == 13 for each in story.payments)

    short = shrink(LONG, needs(both))
    assert {each.nth for each in short.strikes} == {2, 5}
    assert [each.resident for each in short.payments] == [13]
    assert short.crashes == ()


def test_a_story_that_fails_no_more_is_left_as_it_is() -> None:
    assert shrink(LONG, lambda story: False) == LONG
    assert shrink(LONG, lambda story: True, most_plays=0) == LONG


# Stories that are kept.


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_kept_story_still_happens_and_ends_well(path: Path) -> None:
    story = read_story(path).to_story()
    played = play(story)
    assert judge(played) == ()
    assert sum(played.struck.values()) >= len(story.strikes) + len(story.crashes), "something of it does not happen"


def test_stories_are_kept() -> None:
    assert len(list(KEPT.glob("*.yaml"))) >= 7
