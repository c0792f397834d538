"""What all tests share: the PC/SC tier is run where it can be, and otherwise reported as not tested, never as passed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Compiled once, for this process and all that tests start, whatever the environment says: half of a start is compiling otherwise.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))


def _missing() -> list[str]:
    from scenarios.pcscd import missing

    return missing()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the PC/SC tests out of the run when the machine lacks something, and remember what."""
    tier = [each for each in items if each.get_closest_marker("pcsc")]
    lacking = _missing() if tier else []
    if lacking:
        config.hook.pytest_deselected(items=tier)
        items[:] = [each for each in items if each not in tier]
        config.stash[NOT_TESTED] = (len(tier), lacking)


NOT_TESTED = pytest.StashKey[tuple[int, list[str]]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which tier was not tested, and why."""
    count, lacking = config.stash.get(NOT_TESTED, (0, []))
    if count:
        terminalreporter.section("PC/SC")
        terminalreporter.write_line(
            f"not tested / 未测试: {count} tests of the PC/SC tier; missing: {', '.join(lacking)}"
        )
