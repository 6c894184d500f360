"""What a run of scripts/bench stands on: a broker and a Redis of its own, the tools of the build,
and workers whose CPU time and memory are told apart from what else there is."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KAFKA_LOCAL = ROOT / "scripts" / "kafka-local"
START_S = 60
DROPPED_MAX = 24  # topics that are deleted together: each time takes a JVM
READY_S = 300  # a worker that restores a large ledger
OUTPUTS = ("accruals", "accruals_forgone", "billing_lines_dlq", "accrual_balances", "ledger",
           "rerate_requests")  # fmt: skip


def fail(text):
    sys.exit(f"bench: {text}")


def run(*command, **more):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **more
    )
    if done.returncode != 0:
        fail(f"{command[0]}: exit code {done.returncode}\n{done.stdout}{done.stderr[-3000:]}")
    return done.stdout


def forget_cache(path):
    """A file leaves the page cache: who reads it next reads it cold."""
    run("dd", f"of={path}", "oflag=nocache", "conv=notrunc,fdatasync", "count=0")


class Redis:
    """Without persistence, on a socket in the directory."""

    def __init__(self, directory):
        self.socket = directory / "redis.sock"
        with open(directory / "redis.log", "wb") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "",
                 "--appendonly", "no", "--dir", str(directory)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # fmt: skip
        end = time.monotonic() + START_S
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                fail(f"redis-server did not start: {(directory / 'redis.log').read_text()}")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Worker:
    """A running `accrued run`; its log says when its partitions were restored."""

    def __init__(self, rig, name, lines, lanes, more):
        self.rig, self.name = rig, name
        self.lines = lines or rig.lines
        self.log = rig.directory / f"{name}.log"
        (rig.directory / name).mkdir(exist_ok=True)
        settings = rig.settings(name, lines, lanes, **more)
        self.partitions = int(more.get("topics.partitions", rig.options.partitions))
        self.started = time.time()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in (rig.binary, "run", *settings)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # fmt: skip
        self.pid = self.process.pid
        rig.workers.append(self.process)

    def usage(self):
        return self.rig.tool("watch", "--pid", self.pid)

    def drain(self, after=0):
        """Until everything is committed; `after`: so many lines were before it started."""
        return self.rig.tool("watch", "--bootstrap", self.rig.bootstrap, "--topic", self.lines,
                             "--group", self.name, "--pid", self.pid, "--after", after,
                             "--timeout", 1800)  # fmt: skip

    def times(self, event):
        """Of such an event in the log, in seconds; the log is the worker's own."""
        told = re.findall(rf"time=(\S+) \S+ event={event} ", self.log.read_text(errors="replace"))
        return [datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp() for at in told]

    def is_ready(self):
        """Owns all partitions, and none of them is being restored."""
        page = re.search(r"page=(http://[^/\s]+)", self.log.read_text(errors="replace"))
        if not page:
            return False
        with urllib.request.urlopen(f"{page[1]}/metrics", timeout=20) as reply:
            metrics = reply.read().decode()
        since = re.findall(r"^accrued_restore_seconds\{.*\} (\S+)$", metrics, re.MULTILINE)
        return len(since) == self.partitions and not any(map(float, since))

    def wait_ready(self):
        """Until it has all partitions; what it has used then is what starting it costs."""
        end = time.monotonic() + READY_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                fail(f"the worker is not ready:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        return self.usage()

    def restore_s(self):
        """From the first partition's assignment until the last one was restored."""
        return self.times("partition_ready")[-1] - self.times("partition_assigned")[0]

    def end(self, how=signal.SIGTERM):
        """Ended; what it leaves behind stays, for the next one."""
        self.process.send_signal(how)
        code = self.process.wait(120)
        if code not in (0, -how):
            log = self.log.read_text(errors="replace")
            fail(f"the worker ended with {code}:\n{log[-3000:]}")

    def stop(self):
        self.end()
        shutil.rmtree(self.rig.directory / self.name)


class Rig:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.binary = Path(options.binary or options.build / "accrued")
        self.redis = Redis(directory)
        self.bootstrap = options.bootstrap
        self.is_broker_ours = not self.bootstrap
        if self.is_broker_ours:
            told = run(KAFKA_LOCAL, "up", "--port", "0", "--dir", directory / "kafka")
            self.bootstrap = told.split()[-1]
        # Names of one run; the broker may be someone's own.
        self.prefix = f"bench-{os.getpid()}"
        self.lines = f"{self.prefix}-lines"
        self.fed = set()
        self.workers = []
        self.dropped = []
        self.startup_us = {}
        self.yardsticks_us = []

    def close(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        self.redis.stop()
        if self.is_broker_ours:
            run(KAFKA_LOCAL, "down", "--dir", self.directory / "kafka", "--purge")

    # ---- commands

    def tool(self, name, *arguments):
        told = run(self.options.build / "bench" / f"bench_{name}", *arguments)
        return json.loads(told)

    def accrued(self, command, *arguments, **more):
        return run(self.binary, command, *arguments, **more)

    def settings(self, name, lines=None, lanes=1, **more):
        """As `-o` options. Every round has a group, a ledger and outputs of its own."""
        values = {
            "kafka.bootstrap_servers": self.bootstrap,
            "kafka.group_id": name,
            "kafka.environment": name,
            "kafka.instance": "one",
            "redis.address": f"unix:{self.redis.socket}",
            "topics.billing_lines": lines or self.lines,
            "topics.partitions": self.options.partitions,
            "topics.replication_factor": 1,
            "topics.min_insync_replicas": 1,
            "ledger.directory": self.directory / name,
            "http.listen": "127.0.0.1:0",
            "batch.lines_max": self.options.batch,
            "lanes.count": lanes,
        }
        for topic in OUTPUTS:
            values[f"topics.{topic}"] = f"{name}-{topic}"
        values.update(more)
        options = ["-c", ROOT / "config" / "accrued.yaml"]
        for key, value in values.items():
            options += ["-o", f"{key}={value}"]
        for extra in self.options.option:
            options += ["-o", extra]
        return options

    def create_topics(self, name, lines=None, **more):
        self.accrued("topics", "create", *self.settings(name, lines, **more))

    def drop(self, name, *others):
        """Returns the room of some rounds' outputs; only where the broker is ours to command."""
        self.dropped += [*(f"{name}-{topic}" for topic in OUTPUTS), *others]
        if self.is_broker_ours and len(self.dropped) >= DROPPED_MAX:
            topics, self.dropped = "|".join(self.dropped), []
            run(KAFKA_LOCAL, "tool", "--dir", self.directory / "kafka", "topics", "--delete",
                "--if-exists", "--topic", f"({topics})")  # fmt: skip

    def truncate(self, topics):
        """Deletes their records; a worker that is stopped has committed all of the input."""
        ends = run(KAFKA_LOCAL, "tool", "--dir", self.directory / "kafka", "get-offsets",
                   "--topic", f"({'|'.join(topics)})", "--time", "-1")  # fmt: skip
        wanted = [{"topic": topic, "partition": int(partition), "offset": int(offset)}
                  for topic, partition, offset in (line.split(":") for line in ends.split())]  # fmt: skip
        path = self.directory / "delete.json"
        path.write_text(json.dumps({"version": 1, "partitions": wanted}))
        run(KAFKA_LOCAL, "tool", "--dir", self.directory / "kafka", "delete-records",
            "--offset-json-file", path)  # fmt: skip

    def tell(self, what):
        """Single rounds, while they come."""
        print(json.dumps(what, ensure_ascii=False), file=sys.stderr, flush=True)

    def count(self, name, topic):
        return self.tool("count", "--bootstrap", self.bootstrap, "--topic", f"{name}-{topic}")

    def broker_cpu_us(self):
        """Of the broker's process, where it is ours."""
        if not self.is_broker_ours:
            return 0
        pid = next((self.directory / "kafka").glob("*.pid")).read_text().strip()
        return self.tool("watch", "--pid", pid)["cpu_us"]

    # ---- the load

    def load_reference(self, customers=None, links=None, linked=None, generation=1):
        path = self.directory / "reference.jsonl"
        wanted = self.options
        sizes = ["--partners", wanted.partners, "--customers", customers or wanted.customers,
                 "--links", links or wanted.links, "--linked", linked or wanted.linked]  # fmt: skip
        feed = wanted.build / "bench" / "bench_feed"
        with open(path, "wb") as to:
            subprocess.run([str(part) for part in (feed, "--reference", generation, *sizes)], stdout=to,
                           check=True)  # fmt: skip
        self.accrued("reference", "load", "--no-rerate", *self.settings("load"), path)

    def feed(self, topic, count, first=0, customers=None, revisions=10):
        return self.tool(
            "feed", "--bootstrap", self.bootstrap, "--topic", topic, "--lines", count,
            "--first", first, "--partners", self.options.partners, "--customers",
            customers or self.options.customers, "--revisions", revisions)  # fmt: skip

    def feed_all(self):
        """The backlog that sections share, once."""
        if self.lines not in self.fed:
            self.fed.add(self.lines)
            self.create_topics(self.prefix)
            self.feed(self.lines, self.options.lines)

    # ---- what is measured

    def start(self, name, lines=None, lanes=1, **more):
        return Worker(self, name, lines, lanes, more)

    def startup(self, **more):
        """CPU-µs that a worker has used when it owns its partitions and nothing was there to do:
        client start, configuration, joining. Once for each kind of worker."""
        kind = str(sorted(more.items()))
        if kind not in self.startup_us:
            name = f"{self.prefix}-idle{len(self.startup_us)}"
            self.create_topics(name, f"{name}-none", **more)
            worker = self.start(name, f"{name}-none", **more)
            self.startup_us[kind] = worker.wait_ready()["cpu_us"]
            worker.stop()
            self.drop(name, f"{name}-none")
        return self.startup_us[kind]

    def yardstick(self, name, like=None, lines=None, **more):
        """Its output topics are made as the worker's are. `like`, a round of the worker: as many
        records and bytes are written as that one wrote, blocks included."""
        self.create_topics(name, lines, **more)
        sizes = ["--events-permille", round(1000 * like["events"]),
                 "--event-size", round(like["event_bytes"]),
                 "--block-share", round(like["block_bytes"]),
                 "--blocks", f"{name}-ledger"] if like else []  # fmt: skip
        broker_us = self.broker_cpu_us()
        told = self.tool("yardstick", "--bootstrap", self.bootstrap, "--from", lines or self.lines,
                         "--to", f"{name}-accruals", "--batch", self.options.batch, *sizes)  # fmt: skip
        broker_us = self.broker_cpu_us() - broker_us
        self.drop(name)
        return {
            "us": told["cpu_us"] / told["records"],
            "broker_us": broker_us / told["records"],
            "per_s": told["records"] / (told["wall_us"] / 1e6),
            "peak_mb": told["peak_kb"] / 1024,
            "events": like["events"] if like else 1,
        }

    def yardstick_us(self):
        """CPU-µs a line of this run's yardsticks; one is run where none was."""
        if not self.yardsticks_us:
            self.feed_all()
            self.yardsticks_us.append(self.yardstick(f"{self.prefix}-once")["us"])
        return sorted(self.yardsticks_us)[len(self.yardsticks_us) // 2]

    def drain(self, name, lines=None, lanes=1, **more):
        """A worker from nothing to a drained backlog."""
        startup_us = self.startup(**more)
        self.create_topics(name, lines, **more)
        broker_us = self.broker_cpu_us()
        worker = self.start(name, lines, lanes, **more)
        told = worker.drain()
        broker_us = self.broker_cpu_us() - broker_us
        worker.stop()
        accruals, forgone, blocks = (
            self.count(name, topic) for topic in ("accruals", "accruals_forgone", "ledger"))
        self.drop(name)
        events = accruals["records"] + forgone["records"]
        if events == 0:
            fail(f"{name} has written nothing: was its group there before?")
        return {
            "us": (told["cpu_us"] - startup_us) / told["records"],
            "broker_us": broker_us / told["records"],
            "per_s": told["timed_records"] / max(told["wall_us"] / 1e6, 1e-6),
            "rss_mb": told["rss_kb"] / 1024,
            "peak_mb": told["peak_kb"] / 1024,
            "events": events / told["records"],
            "event_bytes": (accruals["value_bytes"] + forgone["value_bytes"]) / events,
            "block_bytes": blocks["value_bytes"] / told["records"],
        }
