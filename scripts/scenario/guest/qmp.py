# SPDX-License-Identifier: GPL-2.0
"""A QMP client over a connected socket.

Commands are synchronous; events that arrive meanwhile are kept in order and
handed out by take_events().  Every wait has a deadline.
"""

import json
import socket
import time
from typing import Any, Dict, List, Optional


class QMPError(Exception):
    """QEMU refused a command; the text is QEMU's."""


class QMPTimeout(Exception):
    """QEMU did not answer in time."""


class QMPClosed(Exception):
    """The monitor's connection ended: that QEMU is gone."""


class QMP:
    """One monitor.  The greeting is awaited by connect()."""

    def __init__(self, sock: socket.socket, timeout: float = 60.0):
        self.sock = sock
        self.timeout = timeout
        self._buffer = b""
        self._messages: List[Dict[str, Any]] = []
        self._events: List[Dict[str, Any]] = []
        self._serial = 0

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def connect(self) -> Dict[str, Any]:
        """Wait for the greeting, leave negotiation mode; the greeting."""
        deadline = time.monotonic() + self.timeout
        while True:
            message = self._next(deadline, "greet")
            if "QMP" in message:
                break
        self.command("qmp_capabilities")
        return message["QMP"]

    def command(self, name: str, **arguments: Any) -> Any:
        """Run NAME; `_` in an argument's name stands for QMP's `-`."""
        self._serial += 1
        request = {"execute": name, "id": self._serial}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v
                                    for k, v in arguments.items()}
        self._send(json.dumps(request).encode() + b"\r\n")
        deadline = time.monotonic() + self.timeout
        while True:
            reply = self._next(deadline, name)
            # An error of the parser itself carries no id.
            if reply.get("id", self._serial) != self._serial:
                continue
            if "error" in reply:
                raise QMPError(f"{name}: {reply['error'].get('desc')}")
            if "return" in reply:
                return reply["return"]

    def take_events(self) -> List[Dict[str, Any]]:
        """The events so far, oldest first; each is handed out once."""
        events, self._events = self._events, []
        return events

    def pump(self) -> None:
        """Take in what is there, without waiting.  For a selector loop."""
        self._fill(0)
        while True:
            message = self._pop()
            if message is None:
                return
            # A reply nobody waits for belongs to a command that timed out.

    def _send(self, data: bytes) -> None:
        self.sock.settimeout(self.timeout)
        try:
            self.sock.sendall(data)
        except socket.timeout:
            raise QMPTimeout("the monitor takes no commands") from None
        except OSError as err:
            raise QMPClosed(str(err)) from None

    def _next(self, deadline: float, what: str) -> Dict[str, Any]:
        """The next message that is not an event."""
        while True:
            message = self._pop()
            if message is not None:
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise QMPTimeout(f"no answer to {what} for "
                                 f"{self.timeout:g} s")
            self._fill(left)

    def _pop(self) -> Optional[Dict[str, Any]]:
        """The first message kept that is not an event; events are filed."""
        while self._messages:
            message = self._messages.pop(0)
            if "event" not in message:
                return message
            self._events.append(message)
        return None

    def _fill(self, timeout: float) -> None:
        """Read once; TIMEOUT 0 reads only what is there."""
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, socket.timeout):
            return
        except OSError as err:
            raise QMPClosed(str(err)) from None
        if not data:
            raise QMPClosed("the monitor's connection ended")
        lines = (self._buffer + data).split(b"\n")
        self._buffer = lines.pop()
        self._messages += [json.loads(x) for x in lines if x.strip()]
