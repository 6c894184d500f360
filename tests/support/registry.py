"""A Schema Registry of its own for each test: see tests/registry."""

import hashlib
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import binary
from confluent_kafka.schema_registry import SchemaRegistryClient
from servers import free_port

SOURCE = binary.ROOT / "tests" / "registry"


def program():
    """Built once for each state of its source."""
    sources = sorted(path for path in SOURCE.iterdir() if path.is_file())
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    path = binary.ROOT / "build" / "registry" / f"registry-{state}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [SOURCE / "build", path],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"tests/registry/build: {done.stdout}\n{done.stderr}"
    return path


class Registry:
    """Starts at once; stop() and start() keep its address and what was planted."""

    def __init__(self, directory, auth=None, is_secure=False):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.auth = auth
        self.is_secure = is_secure
        self.seeds = []
        self.log = self.directory / "requests.log"
        self.process = None

    @property
    def url(self):
        return f"{'https' if self.is_secure else 'http'}://127.0.0.1:{self.port}"

    @property
    def options(self):
        """The `registry` section of a configuration."""
        options = {"urls": self.url, "timeout_ms": 2000, "connect_timeout_ms": 1000}
        if self.auth:
            options["username"], options["password"] = self.auth.split(":")
        if self.is_secure:
            options["ca_file"] = str(self.directory / "ca.pem")
            options["certificate_file"] = str(self.directory / "client.pem")
        return options

    @property
    def client(self):
        conf = {"url": self.url}
        if self.auth:
            conf["basic.auth.user.info"] = self.auth
        if self.is_secure:
            conf["ssl.ca.location"] = str(self.directory / "ca.pem")
            conf["ssl.certificate.location"] = str(self.directory / "client.pem")
        return SchemaRegistryClient(conf)

    def plant(self, subject, schema_id, schema, version=1, kind="AVRO", references=()):
        """What is there after the next start."""
        self.seeds.append(
            {
                "subject": subject,
                "version": version,
                "id": schema_id,
                "schema": schema if isinstance(schema, str) else json.dumps(schema),
                "type": kind,
                "references": list(references),
            }
        )

    def start(self):
        seeds = self.directory / "seeds.jsonl"
        seeds.write_text("".join(json.dumps(seed) + "\n" for seed in self.seeds), encoding="utf-8")
        command = [program(), "--address", f"127.0.0.1:{self.port}", "--seed", seeds]
        command += ["--log", self.log]
        command += ["--auth", self.auth] if self.auth else []
        command += ["--tls", self.directory] if self.is_secure else []
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout.readline().strip() == self.url
        return self

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process.stdout.close()
            self.process = None

    def requests(self):
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


class Stranger:
    """An HTTP server that is no registry: it answers everything with one status and body, but for
    paths that have a reply of their own."""

    def __init__(self, status, body, kind="text/html", replies=None):
        stranger = self
        self.replies = {} if replies is None else replies
        self.status, self.body, self.kind = status, body, kind
        self.asked = 0
        self.paths = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                stranger.asked += 1
                stranger.paths.append(self.path)
                own = stranger.replies.get(self.path)
                body = stranger.body if own is None else own
                self.send_response(stranger.status if own is None else 200)
                self.send_header("Content-Type", stranger.kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):  # noqa: N802
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
