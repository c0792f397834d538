"""Where a terminal finds the platform's own services, and the stable codes with which a request of it is turned away.

Codes of :class:`Refused` come as ``Problem.code`` with status 401 or 403. What a terminal does about them:
``request-before-start``, ``clock-skew``: send the same again with the platform's time (:data:`SERVER_TIME_HEADER` of the
reply) and a new nonce; ``nonce-used``: send with a new nonce; ``session-invalid``, ``session-expired``: open a session and send again;
``signature-wrong``, ``terminal-revoked``, ``enrolment-refused``: nothing a terminal can mend, ask for a person.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CONFIGURATION", "DICTIONARIES", "ENROLMENTS", "HEARTBEATS", "SERVER_TIME_HEADER", "SESSIONS", "Refused"]

ENROLMENTS = "/v1/terminal/enrolments"
"""POST Enrolment, without authentication: 204."""

SESSIONS = "/v1/terminal/sessions"
"""POST SessionRequest, which proves itself: 201 SessionGrant."""

HEARTBEATS = "/v1/terminal/heartbeats"
"""POST Heartbeat: 200 HeartbeatReply."""

CONFIGURATION = "/v1/terminal/configuration"
"""GET: 200 TerminalConfiguration."""

DICTIONARIES = "/v1/terminal/dictionaries"
"""GET {this}/{name}: 200 Dictionary."""

SERVER_TIME_HEADER = "x-server-time"
"""The platform's Unix time with milliseconds, in every refusal of a terminal's request."""


class Refused(StrEnum):
    """Why a terminal's request was not taken."""

    BEFORE_START = "request-before-start"
    CLOCK_SKEW = "clock-skew"
    NONCE_USED = "nonce-used"
    SESSION_INVALID = "session-invalid"
    SESSION_EXPIRED = "session-expired"
    SIGNATURE_WRONG = "signature-wrong"
    TERMINAL_REVOKED = "terminal-revoked"
    ENROLMENT_REFUSED = "enrolment-refused"
