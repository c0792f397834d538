"""``python -m scenarios.zygote MODULE...``: loads programs once, and forks a process of one whenever it is told to.

For benches that start and kill the same programs hundreds of times: what is forked is a process like any other, with its own pipes
and its own end, but it need not load Python and its packages again. Orders come over a socket (file descriptor 3): one JSON object
``{"module", "arguments", "folder"}`` with three descriptors (standard input, output, error). Answers are lines ``{"pid"}`` for an
order and ``{"ended", "code"}`` for each end. It ends, with all that it forked, when the other end of the socket does.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

__all__ = ["ORDERS_FD", "main"]

ORDERS_FD = 3
MOST_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def main() -> int:
    orders = socket.socket(fileno=ORDERS_FD)
    loaded = {name: importlib.import_module(name) for name in sys.argv[1:]}
    ends, ended = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(ended)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    orders.sendall(b'{"ready": true}\n')
    while True:
        ready, _, _ = select.select([orders, ends], [], [])
        if ends in ready:
            os.read(ends, 4096)
            _reap(orders)
        if orders not in ready:
            continue
        text, descriptors, _, _ = socket.recv_fds(orders, MOST_BYTES, 3)
        if not text:
            return 0  # the children die with us
        order = json.loads(text)
        pid = os.fork()
        if pid == 0:
            _become(loaded[order["module"]], order, descriptors, orders)
        for each in descriptors:
            os.close(each)
        orders.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def _reap(orders: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        orders.sendall(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")


def _become(module: Any, order: dict[str, Any], descriptors: list[int], orders: socket.socket) -> None:
    """In the child. Never returns."""
    code = 70
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        orders.close()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(order["folder"])
        os.environ.update(order.get("environment", {}))
        sys.argv = [order["module"], *order["arguments"]]
        code = module.main(order["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # the parent's loop must not run in the child
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(code or 0)


if __name__ == "__main__":
    sys.exit(main())
