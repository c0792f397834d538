"""Write a dossier whole or not at all.

History, result and catalogue are its sources; every other file is a pure function of them (:func:`render_views`), so
the verifier makes them again and compares. A run announces itself with :func:`begin_dossier`: when it is killed, what
remains says ``incomplete`` and holds the history up to that moment.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.dossier.allure import allure_files
from conformance.dossier.html import render_report
from conformance.dossier.junit import render_junit
from conformance.dossier.seal import (
    DOSSIER_FORMAT,
    MANIFEST,
    SIGNATURE,
    DossierError,
    SigningKey,
    file_entries,
    manifest_bytes,
)
from conformance.dossier.snapshot import Catalogue, take_catalogue
from conformance.dossier.trace import render_trace
from conformance.result import Overall, RunResult, RunStatus
from conformance.strict_json import StrictJsonError, from_plain, parse_json, pretty, to_plain
from protocols.record import GENESIS, Record, read_history
from protocols.wire.base import Label

__all__ = [
    "CATALOGUE",
    "HISTORY",
    "RESULT",
    "FileEntry",
    "Head",
    "Manifest",
    "begin_dossier",
    "render_views",
    "write_dossier",
]

HISTORY, RESULT, CATALOGUE = "history.jsonl", "result.json", "catalogue.json"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the dossier; ``path`` with forward slashes, ``size`` in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Head:
    """Where the history ends: digest of the last record, and how many there are."""

    head: str
    records: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is signed. ``early``: written before the run; it then lists no files."""

    format: str
    run_id: str
    early: bool
    status: RunStatus
    overall: Overall
    suite_hash: str
    tool_version: str
    history: Head
    files: tuple[FileEntry, ...]

    @staticmethod
    def parse(raw: bytes) -> Manifest:
        """Raises StrictJsonError when *raw* is not the one text of a manifest of this format."""
        try:
            manifest = from_plain(Manifest, parse_json(raw.decode()))
        except UnicodeDecodeError as error:
            raise StrictJsonError("", f"not UTF-8: {error.reason} at byte {error.start}") from error
        if manifest.format != DOSSIER_FORMAT:
            raise StrictJsonError("format", f"{manifest.format!r} is not {DOSSIER_FORMAT!r}")
        if manifest.to_bytes() != raw:
            raise StrictJsonError("", "not in canonical form: the file was edited")
        return manifest

    def to_bytes(self) -> bytes:
        return manifest_bytes(to_plain(self))


def render_views(
    result: RunResult, records: Sequence[Record], catalogue: Catalogue, fingerprint: str
) -> dict[str, bytes]:
    """Every file that follows from the sources: path inside the dossier to content. Pure and deterministic."""
    plain = result.to_json()
    texts: dict[str, str] = {
        "plan.lock.json": pretty(plain["plan_lock"]),
        "pics.json": pretty(plain["pics"]),
        "pixit.json": pretty(plain["pixit"]),
        "bench.json": pretty(plain["bench"]),
        "preflight.json": pretty(plain["preflight"]),
        "kill-matrix.json": pretty(plain["kill_matrix"]),
        "trace.txt": render_trace(result, records, catalogue),
        "junit.xml": render_junit(result, records, catalogue),
        "report.html": render_report(result, records, catalogue, fingerprint),
        **allure_files(result, records, catalogue),
    }
    return {path: text.encode() for path, text in texts.items()}


def begin_dossier(
    folder: Path, run_id: str, *, suite_hash: str = "", tool_version: str = "", key: SigningKey | None = None
) -> Path:
    """Make *folder* with a signed manifest that says ``incomplete``; gives the path where the history is to grow.

    Raises :class:`DossierError` when something is there already.
    """
    _must_be_free(folder)
    key = SigningKey.load() if key is None else key
    manifest = Manifest(
        format=DOSSIER_FORMAT,
        run_id=run_id,
        early=True,
        status=RunStatus.INCOMPLETE,
        overall=Overall.INCOMPLETE,
        suite_hash=suite_hash,
        tool_version=tool_version,
        history=Head(GENESIS, 0),
        files=(),
    )
    _put_in_place(folder, _sealed({}, manifest, key))
    return folder / HISTORY


def write_dossier(
    folder: Path,
    result: RunResult,
    history_path: Path,
    *,
    key: SigningKey | None = None,
    catalogue: Catalogue | None = None,
) -> Manifest:
    """Write the sealed dossier of *result* to *folder*, in place of its early record if there is one.

    *catalogue* defaults to the installed suite and clauses, *key* to the user's own. Raises :class:`DossierError` when
    *folder* holds anything else, HistoryError when the history is broken; *folder* is then as it was.
    """
    _must_be_free(folder, result.run_id)
    records = read_history(history_path)
    catalogue = take_catalogue() if catalogue is None else catalogue
    key = SigningKey.load() if key is None else key
    # Through JSON and back: the views must be made of what the file holds, as the verifier will make them.
    result_text = pretty(result.to_json())
    stored = RunResult.from_json(parse_json(result_text))
    files = {
        HISTORY: "".join(each.line() + "\n" for each in records).encode(),
        RESULT: result_text.encode(),
        CATALOGUE: pretty(catalogue.to_json()).encode(),
        **render_views(stored, records, catalogue, key.fingerprint),
    }
    manifest = Manifest(
        format=DOSSIER_FORMAT,
        run_id=result.run_id,
        early=False,
        status=result.status,
        overall=result.overall,
        suite_hash=result.suite_hash,
        tool_version=result.tool_version,
        history=Head(records[-1].digest() if records else GENESIS, len(records)),
        files=tuple(FileEntry(**each) for each in file_entries(files)),
    )
    _put_in_place(folder, _sealed(files, manifest, key))
    return manifest


def _sealed(files: Mapping[str, bytes], manifest: Manifest, key: SigningKey) -> dict[str, bytes]:
    raw = manifest.to_bytes()
    return {**files, MANIFEST: raw, SIGNATURE: pretty(to_plain(key.sign(raw))).encode()}


def _must_be_free(folder: Path, run_id: str | None = None) -> None:
    """Absent, empty, or (with *run_id*) the early record of that very run."""
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    try:
        early: Any = Manifest.parse((folder / MANIFEST).read_bytes())
        if run_id is not None and early.early and early.run_id == run_id:
            return
    except (OSError, StrictJsonError):
        pass
    what = Label("此处已有内容，不会覆盖", "something is there already and is not overwritten")
    raise DossierError(str(folder), what, Label("换一个目录，或先移走它", "choose another folder, or move it away"))


def _put_in_place(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write beside, then rename: nobody ever sees half a dossier under the final name."""
    draft, old = (folder.with_name(f".{folder.name}.{word}-{os.getpid()}") for word in ("new", "old"))
    try:
        for each in (draft, old):
            shutil.rmtree(each, ignore_errors=True)
        draft.mkdir(parents=True)
        for path, content in files.items():
            target = draft / path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        what = Label(f"无法写入：{error.strerror}", f"cannot be written: {error.strerror}")
        remedy = Label("检查权限与磁盘空间", "check permissions and disk space")
        raise DossierError(str(folder), what, remedy) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
