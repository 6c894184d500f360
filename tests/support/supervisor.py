"""Whoever started the process: the other end of systemd's notify protocol."""

import os
import socket
import uuid

from servers import PATIENCE_S, wait_until


class Supervisor:
    """Collects what a process tells; `environment` is what the process needs to tell it."""

    def __init__(self, watchdog_s=None):
        self.name = f"accrued-test-{uuid.uuid4().hex}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind("\0" + self.name)
        self.told = []
        self.watchdog_s = watchdog_s

    @property
    def environment(self):
        more = {"NOTIFY_SOCKET": "@" + self.name}
        if self.watchdog_s is not None:
            more["WATCHDOG_USEC"] = str(int(self.watchdog_s * 1e6))
        return {**os.environ, **more}

    def listen(self):
        while True:
            try:
                self.told.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.told

    def wait_for(self, word, timeout=PATIENCE_S, after=0):
        """The number of what was told up to the first message with the word behind `after`."""

        def found():
            for number, message in enumerate(self.listen()[after:], after + 1):
                if word in message.split("\n"):
                    return number
            return 0

        return wait_until(found, lambda: f"{word}: {self.told}", timeout)

    def close(self):
        self.socket.close()
