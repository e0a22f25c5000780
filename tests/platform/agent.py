"""A real Filebeat with the recommended configuration, in a mount namespace where the test's folder is /var/log."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.platform.node import Node
from tests.support import REPOSITORY

VERSION = "7.17.28"
CONFIG = REPOSITORY / "deploy" / "filebeat.yml"


def slim(config: str) -> str:
    """The configuration with its slim option taken in."""
    return re.sub(r"(?m)^#\|", "", config)


def binary() -> Path:
    """Where tools/install-platform.sh puts it."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "kunobs" / "tools" / f"filebeat-{VERSION}" / "filebeat"


def mount_namespace() -> list[str]:
    """`unshare` with what this user needs for mounts of its own; empty when the system does not allow them."""
    base = ["unshare", "--mount", "--propagation", "private"]
    for command in (base, [*base, "--map-root-user"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True, timeout=30, check=False).returncode == 0:
                return command
        except OSError:
            break
    return []


class Filebeat:
    """Start, kill and stop one agent; `data` keeps its registry over restarts."""

    def __init__(self, node: Node, directory: Path, brokers: str, topic: str, config: str = "") -> None:
        self.node, self.data = node, directory / "data"
        self.config = directory / "filebeat.yml"
        self.config.write_text(config or CONFIG.read_text())
        self.config.chmod(0o600)
        self.log = directory / "filebeat.log"
        self.environ = {
            "PATH": os.environ["PATH"],
            "NODE_NAME": node.name,
            "KAFKA_BROKERS": brokers,
            "KAFKA_TOPIC": topic,
            "KUBECONFIG": str(directory / "no-such-kubeconfig"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, kubeconfig: Path | None = None) -> None:
        """Start it; without a kubeconfig it finds no API server and ships lines without metadata."""
        assert self._process is None
        environ = self.environ | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
        home = ["--path.home", str(self.data), "--path.data", str(self.data)]
        command = ["sh", "-c", 'mount --bind "$0" /var/log && exec "$@"', str(self.node.var_log)]
        command += [str(binary()), "-c", str(self.config), "--strict.perms=false", "-e", *home]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*mount_namespace(), *command], stderr=log, stdout=log, env=environ)

    def running(self) -> subprocess.Popen[bytes]:
        """The process; the test fails when it left on its own."""
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"filebeat left with {code}:\n{self.log_tail()}"
        return self._process

    def kill(self) -> None:
        """kill -9."""
        process = self.running()
        process.kill()
        process.wait()
        self._process = None

    def kill_when(self, reached: Callable[[], bool], timeout: float = 60.0) -> None:
        """kill -9 within a millisecond of an event; AssertionError when it does not come."""
        deadline = time.monotonic() + timeout
        while not reached():
            self.running()
            assert time.monotonic() < deadline, f"nothing to kill at:\n{self.log_tail()}"
            time.sleep(0.001)
        self.kill()

    def stop(self) -> None:
        """SIGTERM, as the kubelet does."""
        process = self.running()
        process.terminate()
        process.wait(60)
        self._process = None

    def end(self) -> None:
        """Whatever state it is in, it is gone afterwards."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
        self._process = None

    def forget(self) -> None:
        """Lose the registry, as with a fresh disk."""
        assert self._process is None
        shutil.rmtree(self.data / "registry")

    @contextmanager
    def power_cut(self) -> Iterator[None]:
        """At the end of the block kill -9, and put back the registry of its beginning: what was not yet on the disk is gone."""
        registry, saved = self.data / "registry", self.data / "registry-before"
        shutil.copytree(registry, saved)
        yield
        self.kill()
        shutil.rmtree(registry)
        saved.rename(registry)

    def stalled(self, progress: Callable[[], int], checks: int = 10) -> Callable[[], bool]:
        """A condition: `progress` has not changed for that many checks, and the process lives."""
        seen: list[int] = []

        def condition() -> bool:
            self.running()
            seen.append(progress())
            return len(seen) >= checks and len(set(seen[-checks:])) == 1

        return condition

    def log_tail(self, length: int = 3000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-length:] if self.log.exists() else ""


def check_config(config: str, directory: Path, environ: Mapping[str, str]) -> str:
    """What `filebeat test config` says of a configuration; AssertionError unless it is fine."""
    path = directory / "checked.yml"
    path.write_text(config)
    path.chmod(0o600)
    command = [str(binary()), "test", "config", "-c", str(path), "--strict.perms=false", "--path.home", str(directory)]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
