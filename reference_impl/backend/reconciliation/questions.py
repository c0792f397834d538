"""What the routes of reconciliation have in common: problems, and who may see what."""

from __future__ import annotations

from collections.abc import Mapping

from reference_impl.backend.administration.model import Caller
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.problems import NOT_FOUND, ProblemError, ProblemKind
from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.intake import MissingFiles
from reference_impl.backend.reconciliation.opening import Reconciling
from reference_impl.backend.reconciliation.records import Difference, Run
from reference_impl.backend.reconciliation.service import Refused
from reference_impl.backend.services import Services

__all__ = [
    "BAD_FILE",
    "FILES_GONE",
    "FILES_MISSING",
    "REFUSED",
    "difference_for",
    "parents_of",
    "problem_of",
    "run_for",
]

FILES_MISSING = ProblemKind(
    "day-files-missing",
    409,
    "缺少对账文件",
    "Fetch the files that are named, or give empty ones where nothing happened.",
)
BAD_FILE = ProblemKind("bad-day-file", 409, "对账文件有误", "Correct or fetch again the file and line that are named.")
FILES_GONE = ProblemKind("run-files-gone", 409, "该次对账的文件已不保存", "Run the day again to see its rows.")
_REFUSALS = {
    "wider-run-exists": "已有更大范围的有效对账",
    "no-such-run": "没有这次对账",
    "not-valid": "该次对账已无效",
    "no-such-difference": "没有这条差异",
    "changed-meanwhile": "差异已被他人处理",
    "not-open": "差异不在待处理状态",
    "not-closed": "差异尚未关闭",
    "reason-missing": "请填写原因",
}
REFUSED = tuple(
    ProblemKind(code, 409, title, "Read the current state and decide anew.")
    for code, title in _REFUSALS.items()
    if not code.startswith("no-such-")
)
"""What a run or a handling can be refused with."""


def problem_of(error: ValueError) -> ProblemError:
    """The problem of what the service raises. A file's fault names the file and the line, never what stands there."""
    match error:
        case MissingFiles():
            return ProblemError(FILES_MISSING, error.text.en)
        case FileFault():
            place = f"{error.file}:{error.line}" if error.line else error.file
            return ProblemError(BAD_FILE, error.text.en, where=place)
        case Refused():
            missing = error.code.startswith("no-such-")
            kind = ProblemKind(error.code, 404 if missing else 409, _REFUSALS[error.code], "")
            return ProblemError(kind, str(error))
        case _:
            raise error


async def run_for(
    services: Services, caller: Caller, reconciling: Reconciling, permission: Permission, action: str, run_id: str
) -> Run:
    """The run, if the caller may do that with it. A run of all institutions is the root's."""
    run = await reconciling.service.repository.run(run_id)
    place = "" if run is None else run.institution or services.directory.root
    await services.access.require_known(caller, permission, Act(action, "run", run_id, place))
    if run is None:
        raise ProblemError(NOT_FOUND)
    return run


async def difference_for(
    services: Services, caller: Caller, reconciling: Reconciling, permission: Permission, action: str, number: str
) -> Difference:
    """The difference, if the caller may do that with it. One without an institution is the root's."""
    found = await reconciling.service.repository.difference(number)
    known = found is not None and found.institution in services.directory.institutions
    place = "" if found is None else found.institution if known else services.directory.root
    await services.access.require_known(caller, permission, Act(action, "difference", number, place))
    if found is None:
        raise ProblemError(NOT_FOUND)
    return found


def parents_of(services: Services) -> Mapping[str, str | None]:
    return {code: each.parent for code, each in services.directory.institutions.items()}
