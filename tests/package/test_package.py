"""The Debian package on a Debian of its own: the machine's system with everything that is written
going elsewhere (overlayfs), so that dpkg, its scripts and the installed program are the real ones."""

import os
import shutil
import signal
import subprocess
import uuid

import binary
import pytest
from supervisor import Supervisor

OPTIONS = ("topics.replication_factor=1", "topics.min_insync_replicas=1", "http.listen=")
CONFIG = "/etc/accrued/accrued.yaml"
BUILD = binary.BINARY.parent
# The tests take a program that was built to be tested; scripts/package alone builds a hardened one.
SUPPRESSED = "hardening-no-bindnow,hardening-no-fortify-functions"

# $1: where; the rest: what to run there.
ROOM = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
echo ready
exec sleep infinity
"""


class Root:
    """A file system that a process holds open; ends with it."""

    def __init__(self, directory):
        directory.mkdir()
        self.path = directory / "root"
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", ROOM, "room", str(directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.told = self.keeper.stdout.readline()
        if self.told != "ready\n":
            self.told += self.keeper.stdout.read()

    @property
    def is_up(self):
        return self.told == "ready\n"

    def command(self, *arguments, user=None):
        enter = ["nsenter", "--mount", f"--target={self.keeper.pid}", "chroot", str(self.path)]
        as_user = ["runuser", "-u", user, "--"] if user else []
        return [*enter, *as_user, *map(str, arguments)]

    def run(self, *arguments, user=None, code=0):
        done = subprocess.run(
            self.command(*arguments, user=user),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def copy_in(self, path):
        with open(path, "rb") as source:
            subprocess.run(self.command("tee", f"/tmp/{path.name}"), stdin=source, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
        return f"/tmp/{path.name}"

    def end(self):
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture(scope="module")
def package():
    if shutil.which("cpack") is None or shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("needs cpack and dpkg-dev")
    command = [str(binary.ROOT / "scripts" / "package"), "--build", str(BUILD)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = done.stdout.split()
    return binary.Path(path)


@pytest.fixture
def root(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = Root(tmp_path / "room")
    if not made.is_up:
        made.end()
        pytest.skip(f"needs overlayfs: {made.told.strip()}")
    yield made
    made.end()


def newer(package, directory):
    """The next version: its files of /etc differ."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    version = next(
        line.split()[1] for line in control.read_text().splitlines() if line.startswith("Version:")
    )
    control.write_text(control.read_text().replace(f"Version: {version}", f"Version: {version}+1"))
    for name in ("accrued.yaml", "programs.yaml"):
        path = tree / "etc" / "accrued" / name
        path.write_text(path.read_text() + "# of the newer package\n")
    path = directory / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return path


def of(root, path):
    return root.run("stat", "-c", "%U:%G %a", path).strip()


def test_it_installs_runs_upgrades_and_goes_without_a_trace(root, package, tmp_path, kafka, redis):
    root.run("sh", "-c", "! getent passwd accrued && ! dpkg -s accrued 2>&1")
    root.run("dpkg", "-i", root.copy_in(package))
    assert of(root, "/etc/accrued") == "root:accrued 750"
    assert of(root, CONFIG) == "root:accrued 640"
    assert of(root, "/var/lib/accrued") == "accrued:accrued 700"
    assert root.run("dpkg", "-V", "accrued") == ""
    root.run("accrued", "check", "--offline", "-c", CONFIG, user="accrued")
    root.run("accrued", "check", "--offline", "-c", CONFIG, user="nobody", code=1)
    for unit in ("accrued.service", "accrued-balances.service"):
        root.run("systemd-analyze", "verify", "--man=no", unit)
        assert root.run("sh", "-c", f"systemctl is-enabled {unit} || true") == "disabled\n"
    run_it(root, kafka, redis)

    root.run("touch", "/var/lib/accrued/kept", user="accrued")
    root.run("sh", "-c", f"echo '# of the administrator' >> {CONFIG}")
    root.run("dpkg", "--force-confdef", "--force-confold", "-i", root.copy_in(newer(package, tmp_path)))
    assert "+1" in root.run("dpkg-query", "-W", "-f", "${Version}", "accrued")
    assert "# of the administrator" in root.run("cat", CONFIG)
    assert "# of the newer package" in root.run("cat", f"{CONFIG}.dpkg-dist")
    assert "# of the newer package" in root.run("cat", "/etc/accrued/programs.yaml")
    assert of(root, "/var/lib/accrued/kept") == "accrued:accrued 644"

    root.run("dpkg", "-r", "accrued")
    assert root.run("sh", "-c", "command -v accrued || echo none") == "none\n"
    assert "# of the administrator" in root.run("cat", CONFIG)
    root.run("test", "-e", "/var/lib/accrued/kept")
    root.run("dpkg", "-P", "accrued")
    root.run("sh", "-c", "! getent passwd accrued")
    places = ("/etc", "/lib/systemd", "/usr/bin", "/usr/share", "/var/lib")
    assert root.run("find", *places, "-xdev", "-newermt", "-1 hour", "-name", "*accrued*") == ""


def run_it(root, kafka, redis):
    """As the unit does it: the user, the files of /etc, and systemd's notify protocol."""
    name = f"p{uuid.uuid4().hex[:8]}"
    options = [
        *OPTIONS,
        f"kafka.bootstrap_servers={kafka.bootstrap_servers}",
        f"kafka.group_id={name}",
        f"redis.address={redis.address}",
        *(
            f"topics.{topic}={name}-{topic.replace('_', '-')}"
            for topic in ("billing_lines", "billing_lines_dlq", "accruals", "accruals_forgone",
                          "accrual_balances", "ledger", "rerate_requests")
        ),
    ]  # fmt: skip
    arguments = ["-c", CONFIG, *(word for option in options for word in ("-o", option))]
    root.run("accrued", "topics", "create", *arguments, user="accrued")
    for command in ("run", "balances"):
        run_one(root, command, arguments)


def run_one(root, command, arguments):
    supervisor = Supervisor()
    process = subprocess.Popen(
        root.command("setpriv", "--reuid=accrued", "--regid=accrued", "--clear-groups",
                     "accrued", command, *arguments),
        env=supervisor.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        supervisor.wait_for("READY=1")
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=30)
        assert process.returncode == 0, told.decode()
        supervisor.wait_for("STOPPING=1")
    finally:
        process.kill()
        process.wait()
        supervisor.close()


def test_lintian_has_nothing_to_say(package):
    if shutil.which("lintian") is None:
        pytest.skip("needs lintian")
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", SUPPRESSED]
    done = subprocess.run([*command, package], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr
