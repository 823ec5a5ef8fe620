"""`claimbench serve` and `claimbench worker` as processes of their own, against the fake API."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from service_house import ADMIN_TOKEN
from sqlalchemy import URL

from claimbench.loadgen.fake_openai.server import running_server

START = "from claimbench.loadgen.commands.cli import main; main()"


@dataclass
class Process:
    """One process, and the lines that it has said."""

    popen: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        for line in self.popen.stderr or ():
            self.said.append(line.rstrip())

    def wait_for(self, words: str, seconds: float = 60) -> str:
        """The first line that holds these words."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [line for line in self.said if words in line]
            if found:
                return found[0]
            if self.popen.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"it never said {words!r}, but: {self.said}")

    def end(self) -> int:
        """Ask it to stop, as a supervisor does; its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)


@dataclass
class RunningService:
    """A served service, some companies with keys, and the fake's address."""

    address: str
    process: Process
    companies: tuple[int, ...] = ()
    keys: dict[int, str] = field(default_factory=dict)

    def admin(self, method: str, path: str, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        return httpx.request(method, self.address + path, headers=headers, timeout=30, **options)

    def create_company(self, name: str) -> int:
        return int(self.admin("POST", "/admin/companies", json={"name": name}).json()["id"])

    def tenant(self, company_id: int, method: str, path: str, **options: Any) -> Any:
        if company_id not in self.keys:
            self.keys[company_id] = self.admin("POST", f"/admin/companies/{company_id}/keys").json()["key"]
        headers = {"authorization": f"Bearer {self.keys[company_id]}"}
        return httpx.request(method, self.address + path, headers=headers, timeout=30, **options)

    def submit(self, company_id: int, bulk: dict[str, Any]) -> list[int]:
        receipt = self.tenant(company_id, "POST", "/v1/sessions/bulk", json=bulk).json()
        return [one["id"] for one in receipt["sessions"]]


@contextmanager
def process(verb: str, url: URL, api_url: str, *arguments: str, **environment: str) -> Iterator[Process]:
    """Start a verb; it is ended with the block, whatever happens."""
    popen = subprocess.Popen(
        [sys.executable, "-c", START, verb, *arguments],
        env={
            **os.environ,
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "OPENAI_API_KEY": "sk-for-tests",
            "OPENAI_BASE_URL": api_url,
            "CLAIMBENCH_ADMIN_TOKEN": ADMIN_TOKEN,
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    started = Process(popen)
    listener = threading.Thread(target=started.listen, daemon=True)
    listener.start()
    try:
        yield started
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(30)
            except subprocess.TimeoutExpired:
                popen.kill()
        listener.join()


@contextmanager
def running_service(url: URL, *arguments: str) -> Iterator[RunningService]:
    """A service with its scheduler inside, and a fake API of its own."""
    with (
        running_server(speed=3600) as fake,
        process("serve", url, fake.base_url, "--port", "0", *arguments) as started,
    ):
        address = started.wait_for("serving on").split()[-1]
        yield RunningService(address, started, companies=(1, 3, 4))  # the second one is inactive
