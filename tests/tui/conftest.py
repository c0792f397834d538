"""What the tests of commands and screens share: one small dossier, made once, and a keyboard for the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from conformance.service import Certified, certify, load, narrow
from tui.cli import build_app

PLANS = Path(__file__).resolve().parents[2] / "scenarios" / "plans"


class Onecard:
    """Runs a command in this process."""

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(build_app(), list(words), prog_name="onecard")

    def json(self, *words: str) -> tuple[int, object]:
        """Exit code and the document, which must be all that standard output holds."""
        result = self(*words, "--json")
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def onecard() -> Onecard:
    return Onecard()


@pytest.fixture(scope="session")
def in_process_plan() -> Path:
    return PLANS / "in-process.yaml"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, in_process_plan: Path) -> Certified:
    """A dossier of a few checks on one reader, in process."""
    import os

    folder = tmp_path_factory.mktemp("dossiers")
    before = os.environ.get("XDG_CONFIG_HOME"), os.environ.get("HOME")
    os.environ["XDG_CONFIG_HOME"] = os.environ["HOME"] = str(folder)  # the signing key of nobody
    try:
        resolved = narrow(load(in_process_plan, {"select": ("reader.sync.*",)}), ("reader-591",))
        return certify(resolved, folder / "sync", with_matrix=False)
    finally:
        for name, value in zip(("XDG_CONFIG_HOME", "HOME"), before, strict=True):
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
