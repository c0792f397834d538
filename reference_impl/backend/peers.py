"""What another system's answer means for a request that waits for it: one translation for all domains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reference_impl.backend.channels.credential_client import CredentialRefused, CredentialUnavailable
from reference_impl.backend.channels.his_client import HisNotAnswered, RefusedByHis
from reference_impl.backend.channels.insurance_queries import NotAnswered, RefusedByCentre
from reference_impl.backend.problems import ProblemError, ProblemKind

__all__ = ["NOT_CONNECTED", "PEER_PROBLEMS", "answers"]

PEER_SILENT = ProblemKind("peer-silent", 503, "相关系统没有应答，请稍后再试", "Ask again in a moment.", retry=True)
PEER_REFUSED = ProblemKind("peer-refused", 409, "相关系统拒绝了请求", "The detail says why; ask at the counter.")
CREDENTIAL_WRONG = ProblemKind("credential-refused", 409, "凭证未通过", "Show a fresh code, or another credential.")
NOT_CONNECTED = ProblemKind("not-connected", 503, "该业务未接入", "The operator has to connect this service.")

PEER_PROBLEMS = (PEER_SILENT, PEER_REFUSED, CREDENTIAL_WRONG)


@contextmanager
def answers() -> Iterator[None]:
    """Refusals and silence of peers become problems. A refusal keeps the peer's own stable code: ``his:slot-full``."""
    try:
        yield
    except (HisNotAnswered, NotAnswered, CredentialUnavailable) as error:
        raise ProblemError(PEER_SILENT) from error
    except RefusedByHis as error:
        raise ProblemError(_refused("his", error.code), str(error)) from error
    except RefusedByCentre as error:
        raise ProblemError(_refused("insurance", error.code), str(error)) from error
    except CredentialRefused as error:
        raise ProblemError(CREDENTIAL_WRONG, error.text.en) from error


def _refused(peer: str, code: str) -> ProblemKind:
    return ProblemKind(f"{peer}:{code}", PEER_REFUSED.status, PEER_REFUSED.title, PEER_REFUSED.remedy)
