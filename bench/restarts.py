"""Restarts: from the start of the process to its first committed transaction, with the ledger's
local file warm, cold, after a kill, and without it: a full restore from the topic, beside a plain
consumer of the same bytes."""

import shutil
import signal
import time

from results import Row

STATIC = {"kafka.group_instance_id": "one"}  # a killed process' session need not end first


class Restarts:
    """A worker that has drained the topic's lines, stopped and started again; before each start
    some lines more, so that there is something to commit."""

    WAITING = 100

    def __init__(self, rig, name, lines, count, **more):
        self.rig, self.name, self.lines, self.count, self.more = rig, name, lines, count, more

    def start(self):
        """-> the worker, seconds until all is committed, what it had used when it was ready"""
        self.rig.feed(self.lines, self.WAITING, self.count)
        started = time.monotonic()
        worker = self.rig.start(self.name, self.lines, **{**STATIC, **self.more})
        worker.drain(after=self.count)
        took = time.monotonic() - started
        self.count += self.WAITING
        return worker, took

    def ledger_file_paths(self):
        return [path for path in (self.rig.directory / self.name).iterdir() if path.is_file()]

    def forget_file(self):
        shutil.rmtree(self.rig.directory / self.name)

    def restored(self):
        """One full restore from the topic; then a plain consumer of the same topic."""
        self.forget_file()
        worker, took = self.start()
        restore_s = worker.restore_s()
        worker.end()
        plain = self.rig.count(self.name, "ledger")
        return {
            "commit_s": took,
            "restore_s": restore_s,
            "plain_s": plain["wall_us"] / 1e6,
            "mb": plain["value_bytes"] / 1e6,
        }


def restart(rig):
    from rig import forget_cache

    name, lines = f"{rig.prefix}-restart", f"{rig.prefix}-restart-lines"
    rig.create_topics(name, lines)
    rig.feed(lines, rig.options.lines)
    first = rig.start(name, lines)
    first.drain()
    first.end()
    again = Restarts(rig, name, lines, rig.options.lines)
    warm, cold, killed, restores = [], [], [], []
    for _ in range(rig.options.rounds):
        worker, took = again.start()
        worker.end()
        warm.append(took)
        for path in again.ledger_file_paths():
            forget_cache(path)
        worker, took = again.start()
        cold.append(took)
        worker.end(signal.SIGKILL)
        worker, took = again.start()
        killed.append(took)
        worker.end()
        restores.append(again.restored())
        rig.tell({"restore": restores[-1]})
    again.forget_file()
    rig.drop(name, lines)
    size = f"{rig.options.lines / 1e6:g} million lines"
    yield Row(f"start to first commit, {size}, local file warm: s", warm)
    yield Row("… cold: s", cold)
    yield Row("… after kill −9, static membership: s", killed)
    yield Row("… no file, all from the topic: s", [told["commit_s"] for told in restores])
    yield Row(f"full restore from the topic, {restores[0]['mb']:.0f} MB: s",
              [told["restore_s"] for told in restores], ".2f",
              [told["plain_s"] for told in restores], "a plain consumer of the same bytes")  # fmt: skip
