"""``python ends_with_parent.py PARENT COMMAND ...``: becomes COMMAND, which the kernel kills as soon as PARENT is gone.

For programs that are not ours and do not watch for that. Standard library only; the wish survives ``exec``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["main"]

PR_SET_PDEATHSIG = 1


def main() -> int:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        sys.stderr.write("the kernel does not take the wish to end with the parent\n")
        return 1
    if os.getppid() != parent:
        return 1  # it went before the wish was heard
    return os.execvp(command[0], command)  # noqa: S606 the command is the caller's


if __name__ == "__main__":
    sys.exit(main())
