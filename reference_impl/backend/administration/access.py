"""Who may do what where. Every refusal is audited, and so is every access that is named to be.

An object that is named by its id and belongs to an institution that is not the caller's is answered as if it did not
exist; an institution that the caller names is refused outright.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference_impl.backend.administration.directory import Directory
from reference_impl.backend.administration.model import Caller
from reference_impl.backend.administration.permissions import LABELS, Permission
from reference_impl.backend.audit.trail import Act, Trail
from reference_impl.backend.problems import FORBIDDEN, NOT_FOUND, ProblemError, ProblemKind
from reference_impl.backend.storage.writes import Write

__all__ = ["FOREIGN_INSTITUTION", "PASSWORD_CHANGE_REQUIRED", "Access"]

FOREIGN_INSTITUTION = ProblemKind(
    "foreign-institution", 403, "无权访问该机构的数据", "Name an institution for which you have this permission."
)
PASSWORD_CHANGE_REQUIRED = ProblemKind(
    "password-change-required", 403, "请先修改初始密码", "Change the password at /v1/admin/me/password."
)


class Access:
    """One a backend."""

    def __init__(self, directory: Directory, trail: Trail) -> None:
        self._directory, self._trail = directory, trail

    async def require(self, caller: Caller, permission: Permission, act: Act) -> None:
        """*caller* may do *act*. Raises :class:`ProblemError` otherwise, once that is in the trail."""
        if self._directory.may(caller, permission, act.institution or self._directory.root):
            return
        await self._trail.record(caller.actor, act, "refused")
        if any(held is permission for _, held in caller.rights):
            raise ProblemError(FOREIGN_INSTITUTION)
        label = LABELS[permission]
        raise ProblemError(FORBIDDEN, f"{FORBIDDEN.remedy} Needed: {permission} ({label.en}, {label.zh}).")

    async def require_known(self, caller: Caller, permission: Permission, act: Act) -> None:
        """As :meth:`require`, for an object named by its id: a foreign one is as good as none. An empty institution of *act*
        is an object that does not exist."""
        if act.institution and self._directory.may(caller, permission, act.institution):
            return
        await self._trail.record(caller.actor, act, "refused")
        if not any(held is permission for _, held in caller.rights):
            label = LABELS[permission]
            raise ProblemError(FORBIDDEN, f"{FORBIDDEN.remedy} Needed: {permission} ({label.en}, {label.zh}).")
        raise ProblemError(NOT_FOUND, "There is none with this id, or it belongs to an institution that is not yours.")

    async def scope(self, caller: Caller, permission: Permission, act: Act) -> frozenset[str]:
        """The institutions whose data a list may hold: all that are the caller's, or those below ``act.institution``.

        Raises :class:`ProblemError` when there is none, once that is in the trail.
        """
        if act.institution:
            await self.require(caller, permission, act)
            return self._directory.below([act.institution])
        found = self._directory.scope(caller, permission)
        if not found:
            await self.require(caller, permission, act)
        return found

    async def done(self, caller: Caller, act: Act, then: Sequence[Write] = ()) -> None:
        """*act* is in the trail, then its rows are written."""
        await self._trail.record(caller.actor, act, then=then)

    async def refused(self, caller: Caller, act: Act) -> None:
        """*act* was permitted by its kind, but not this one: that is in the trail."""
        await self._trail.record(caller.actor, act, "refused")
