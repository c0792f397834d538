"""The dossier of a flow: history, verdict and what the programs left, listed in a signed manifest; and its verification.

The folder exists from the first moment as ``incomplete``. Verified means: signature, every byte of every file, the chain of the
history, and the verdict made anew from the history.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.dossier.seal import (
    MANIFEST,
    SIGNATURE,
    DossierError,
    Signature,
    SigningKey,
    clean_fingerprint,
    file_entries,
    manifest_bytes,
    own_fingerprint,
)
from conformance.dossier.verification import Verification
from conformance.dossier.write import HISTORY, FileEntry, Head
from conformance.flow.judge import FlowVerdict, judge_flow
from conformance.plan import tool_version
from conformance.result import Overall, RunStatus
from conformance.strict_json import StrictJsonError, from_plain, parse_json, pretty, to_plain
from protocols.record import GENESIS, HistoryError, read_history
from protocols.wire.base import Label

__all__ = ["EVIDENCE", "FLOW_FORMAT", "VERDICT", "begin_flow_dossier", "is_flow_dossier", "seal_flow", "verify_flow"]

FLOW_FORMAT = "onecard-flow/1"
VERDICT, EVIDENCE = "verdict.json", "evidence"
_OVERALL = {"pass": Overall.PASS, "fail": Overall.FAIL, "error": Overall.UNDECIDED, "incomplete": Overall.INCOMPLETE}


@dataclass(frozen=True, slots=True)
class _Manifest:
    format: str
    flow: str
    early: bool
    overall: Overall
    tool_version: str
    history: Head
    files: tuple[FileEntry, ...]

    def to_bytes(self) -> bytes:
        return manifest_bytes(to_plain(self))


def is_flow_dossier(path: Path) -> bool:
    """True where the manifest in *path* says so; what is wrong with it is for :func:`verify_flow`."""
    try:
        value = parse_json((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and str(value.get("format", "")).startswith("onecard-flow/")


def begin_flow_dossier(folder: Path, flow: str, key: SigningKey | None = None) -> Path:
    """Make *folder* with a signed manifest that says ``incomplete``; gives the path where the history is to grow.

    Raises :class:`DossierError` when something is there already.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        what = Label("此处已有内容，不会覆盖", "something is there already and is not overwritten")
        raise DossierError(str(folder), what, Label("换一个目录，或先移走它", "choose another folder, or move it away"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(
            folder, _Manifest(FLOW_FORMAT, flow, True, Overall.INCOMPLETE, tool_version(), Head(GENESIS, 0), ()), key
        )
    except OSError as error:
        what = Label(f"无法写入：{error.strerror}", f"cannot be written: {error.strerror}")
        raise DossierError(
            str(folder), what, Label("检查权限与磁盘空间", "check permissions and disk space")
        ) from error
    return folder / HISTORY


def seal_flow(folder: Path, key: SigningKey | None = None) -> FlowVerdict:
    """Judge the history in *folder*, write the verdict and sign everything. Raises HistoryError, ValueError."""
    records = read_history(folder / HISTORY)
    verdict = judge_flow(records)
    (folder / VERDICT).write_text(pretty(to_plain(verdict)), encoding="utf-8")
    files = {
        each.relative_to(folder).as_posix(): each.read_bytes()
        for each in sorted(folder.rglob("*"))
        if each.is_file() and each.name not in (MANIFEST, SIGNATURE) and not each.name.startswith(".")
    }
    manifest = _Manifest(
        FLOW_FORMAT,
        verdict.flow,
        False,
        _OVERALL[verdict.verdict],
        tool_version(),
        Head(records[-1].digest(), len(records)),
        tuple(FileEntry(**each) for each in file_entries(files)),
    )
    _write(folder, manifest, key)
    return verdict


def _write(folder: Path, manifest: _Manifest, key: SigningKey | None) -> None:
    raw = manifest.to_bytes()
    sealed = pretty(to_plain((key or SigningKey.load()).sign(raw))).encode()
    for name, content in ((MANIFEST, raw), (SIGNATURE, sealed)):
        draft = folder / f".{name}.{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(folder / name)


def verify_flow(path: Path, *, pinned: str | None = None) -> Verification:
    """Check the flow's dossier in *path*. Never raises on what it holds; ValueError for a *pinned* that is no fingerprint."""
    wanted = None if pinned is None else clean_fingerprint(pinned)
    found = Verification(str(path))
    manifest = _sealed(path, found, wanted)
    if manifest is None:
        return found
    found.overall = manifest.overall
    found.status = RunStatus.INCOMPLETE if manifest.early else RunStatus.COMPLETE
    if manifest.early:
        found.problem(
            MANIFEST,
            "early",
            "流程没有跑完，没有结论",
            "the flow did not finish: there is no verdict",
            Label("重新运行", "run again"),
        )
        return found
    _files(path, manifest, found)
    _history(path, manifest, found)
    return found


def _sealed(path: Path, found: Verification, wanted: str | None) -> _Manifest | None:
    raw, sealed = _read(path, MANIFEST, found), _read(path, SIGNATURE, found)
    if raw is None or sealed is None:
        return None
    try:
        signature = from_plain(Signature, parse_json(sealed.decode()))
        if pretty(to_plain(signature)).encode() != sealed:
            raise StrictJsonError("", "not in canonical form: the file was edited")
    except (StrictJsonError, UnicodeDecodeError) as error:
        found.problem(SIGNATURE, "", f"签名文件无法读取：{error}", f"the signature cannot be read: {error}")
        return None
    found.fingerprint = signature.fingerprint
    if not signature.holds(raw):
        found.problem(SIGNATURE, "", "签名与清单不符", "the signature does not fit the manifest")
    elif wanted is not None and wanted != signature.fingerprint:
        found.problem(
            SIGNATURE, "fingerprint", "签名密钥不是指定的密钥", "signed by another key than the one that was named"
        )
    found.pinned = wanted is not None and wanted == signature.fingerprint
    found.own = wanted is None and signature.fingerprint == own_fingerprint()
    try:
        manifest = from_plain(_Manifest, parse_json(raw.decode()))
        if manifest.format != FLOW_FORMAT or manifest.to_bytes() != raw:
            raise StrictJsonError("", f"not the one text of a manifest of {FLOW_FORMAT}")
    except (StrictJsonError, UnicodeDecodeError) as error:
        found.problem(MANIFEST, "", f"清单无法采信：{error}", f"the manifest cannot be trusted: {error}")
        return None
    return manifest


def _files(path: Path, manifest: _Manifest, found: Verification) -> None:
    listed = {each.path: each for each in manifest.files}
    there = {
        each.relative_to(path).as_posix(): each for each in path.rglob("*") if not each.is_dir() or each.is_symlink()
    }
    for name, file in there.items():
        if file.is_symlink() or not file.is_file():
            found.problem(name, "", "不是普通文件", "not a regular file")
        elif name not in listed and name not in (MANIFEST, SIGNATURE):
            found.problem(name, "", "多出的文件，清单中没有", "a file that the manifest does not list")
    for name, entry in listed.items():
        if name not in there:
            found.problem(name, "", "文件缺失", "the file is missing")
            continue
        raw = _read(path, name, found)
        if raw is None:
            continue
        found.files += 1
        if len(raw) != entry.size or hashlib.sha256(raw).hexdigest() != entry.sha256:
            found.problem(name, "", "内容被改动（SHA-256 不符）", "the content was changed (SHA-256 differs)")


def _history(path: Path, manifest: _Manifest, found: Verification) -> None:
    try:
        records = read_history(path / HISTORY)
        verdict = judge_flow(records)
    except HistoryError as error:
        found.problem(HISTORY, str(error.line), f"历史链断裂：{error.why}", f"the history is broken: {error.why}")
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        found.problem(HISTORY, "", f"历史不可读：{error}", f"the history cannot be read: {error}")
        return
    found.records = len(records)
    if (records[-1].digest(), len(records)) != (manifest.history.head, manifest.history.records):
        found.problem(HISTORY, "", "历史的结尾与清单不符", "the end of the history is not the one in the manifest")
    found.recomputed = len(verdict.steps) + 1
    stored: Any = _read(path, VERDICT, found)
    if stored is not None and pretty(to_plain(verdict)).encode() != stored:
        found.problem(VERDICT, "", "与由历史重算的结论不一致", "differs from the verdict that the history gives")
    if _OVERALL[verdict.verdict] is not manifest.overall:
        found.problem(MANIFEST, "overall", "总评与历史不符", "the verdict is not the one that the history gives")


def _read(path: Path, name: str, found: Verification) -> bytes | None:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        found.problem(name, "", f"无法读取：{error.strerror}", f"cannot be read: {error.strerror}")
        return None
