"""Small hands for the card tests: send hexadecimal, get hexadecimal, resolve 61xx where a test does not look at it."""

from __future__ import annotations

from simulators.card.base import Card

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def send(card: Card, command: str) -> str:
    """One command exactly as written; the raw answer in upper-case hexadecimal."""
    return card.transmit(bytes.fromhex(command)).hex().upper()


def ask(card: Card, command: str) -> str:
    """One command; 61xx is followed by GET RESPONSE, as a terminal does on T=0."""
    answer = send(card, command)
    if len(answer) == 4 and answer.startswith("61"):
        answer = send(card, "00C00000" + answer[2:])
    return answer


def exact(card: Card, command: str) -> str:
    """A reading command with Le 00; 6Cxx is followed by the same command with the right Le."""
    answer = send(card, command)
    if len(answer) == 4 and answer.startswith("6C"):
        answer = send(card, command[:-2] + answer[2:])
    return answer
