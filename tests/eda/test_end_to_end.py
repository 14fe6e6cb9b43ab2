# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data source breaks in the embedded tenant, and ansible-rulebook runs a playbook for it. Needs Java and tests/requirements-eda.txt."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
# Of another environment, where this one has none: ansible-rulebook wants Pythons for which its engine is built.
RULEBOOK = os.environ.get("CORTEX_ANSIBLE_RULEBOOK") or shutil.which("ansible-rulebook", path=str(Path(sys.executable).parent))
SECONDS = 120

pytestmark = [
    pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed: ansible-rulebook cannot run"),
    pytest.mark.skipif(not RULEBOOK, reason="ansible-rulebook is not installed (tests/requirements-eda.txt, or CORTEX_ANSIBLE_RULEBOOK)"),
]

PAGE = (ROOT / "docs" / "eda.md").read_text(encoding="utf-8")
# The two files of the guide, as written but for the pause between two looks.
_first, BOOK, ANSWER = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_a_playbook_answers_when_a_data_source_breaks(tmp_path: Path) -> None:
    assert "interval: 300" in BOOK
    (tmp_path / "token.yml").write_text(BOOK.replace("interval: 300", "interval: 0.5"))
    (tmp_path / "ticket.yml").write_text(ANSWER)
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    look, ticket = tmp_path / "look.json", tmp_path / "ticket.txt"
    with EmbeddedTenant("published", rate=100_000) as tenant, (tmp_path / "log").open("w") as log:
        core = tenant.add_instance("GITLAB_SELF_MANAGED", identifier="platform", hostname="gitlab.example.com", state=["shop/a", "shop/b"])
        key = tenant.keys["viewer"]
        environment = {
            "PATH": f"{Path(str(RULEBOOK)).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "CORTEX_STATE_FILE": str(look), "CORTEXCLOUD_REQUESTS_PER_SECOND": "1000",
            "CORTEX_TICKET": str(ticket),
            "CORTEXCLOUD_API_URL": tenant.url, "CORTEXCLOUD_API_KEY_ID": key.id, "CORTEXCLOUD_API_KEY": key.key,
            "CORTEXCLOUD_API_KEY_TYPE": key.type,
        }  # fmt: skip
        command = [str(RULEBOOK), "--rulebook", "token.yml", "--inventory", "hosts.yml", "--env-vars", "CORTEX_STATE_FILE", "--verbose"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(look.exists, running, tmp_path / "log")
            tenant.set_status(core, "ERROR", {"connection": {"status": "INVALID", "error": "Token expired: HTTP 401"}})
            until(lambda: ticket.exists() and ticket.read_text() != "", running, tmp_path / "log")
        finally:
            running.terminate()
            running.wait(30)
    said = ticket.read_text().splitlines()
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()
    # The ticket of the guide, with this tenant's id, host and number.
    assert said[0] == shown[0].replace("0f1e2d", core)
    assert re.fullmatch(r"Since: at [-\dT:]+Z it still worked, at [-\dT:]+Z it did not\.", said[1])
    assert said[2] == shown[2].replace("api-acme.xdr.eu.paloaltonetworks.com", f"127.0.0.1:{tenant.port}")
    assert said[3].endswith(" repositories depend on it and are not scanned until it works again.")
    assert said[4:] == shown[4:]
    assert key.key not in (tmp_path / "log").read_text()


class Controller(BaseHTTPRequestHandler):
    """As much of a controller as ansible-rulebook asks: each job template is there, and each job has succeeded."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/api/v2/config/":
            self.answer({"version": "4.6.0"})
        elif url.path == "/api/v2/unified_job_templates/":
            template = {
                "id": 1, "type": "job_template", "name": query["name"], "related": {"launch": f"/api/v2/launch/{quote(query['name'])}"},
                "summary_fields": {"organization": {"name": "Default"}},
                **{f"ask_{what}_on_launch": False for what in ("limit", "labels", "inventory", "variables")},
            }  # fmt: skip
            self.answer({"count": 1, "next": None, "results": [template]})
        else:
            job = {"id": 1, "url": "/api/v2/jobs/1/", "status": "successful", "created": "2026-11-26T03:03:07Z", "artifacts": {}}
            self.answer({"count": 1, "results": [job], **job})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        launched: list[tuple[str, dict[str, Any]]] = self.server.launched  # type: ignore[attr-defined]
        launched.append((unquote(self.path.rpartition("/")[2]), body))
        self.answer({"id": 1, "url": "/api/v2/jobs/1/", "status": "pending", "created": "2026-11-26T03:03:07Z"}, 201)

    def answer(self, body: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        pass


def test_the_rulebooks_start_the_job_templates_of_a_controller(tmp_path: Path) -> None:
    """Both in one run, as shipped but for the pause between two looks."""
    books = [(ROOT / f"extensions/eda/rulebooks/{name}.yml").read_text(encoding="utf-8") for name in ("health", "drift")]
    text = "".join(book.replace("---\n", "") for book in books)
    assert text.count("interval: 300") == 2
    (tmp_path / "rules.yml").write_text(text.replace("interval: 300", "interval: 0.5"))
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Controller)
    launched: list[tuple[str, dict[str, Any]]] = []
    server.launched = launched  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with EmbeddedTenant("published", rate=100_000) as tenant, (tmp_path / "log").open("w") as log:
        core = tenant.add_instance("GITLAB_SELF_MANAGED", identifier="platform", hostname="gitlab.example.com", state=["shop/a"])
        key = tenant.keys["viewer"]
        environment = {
            "PATH": f"{Path(str(RULEBOOK)).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "CORTEXCLOUD_REQUESTS_PER_SECOND": "1000",
            "CORTEXCLOUD_API_URL": tenant.url, "CORTEXCLOUD_API_KEY_ID": key.id, "CORTEXCLOUD_API_KEY": key.key,
            "CORTEXCLOUD_API_KEY_TYPE": key.type, "EDA_JOB_TEMPLATE_REFRESH_DELAY": "0.2",
        }  # fmt: skip
        command = [str(RULEBOOK), "--rulebook", "rules.yml", "--inventory", "hosts.yml", "--verbose"]
        command += ["--controller-url", f"http://127.0.0.1:{server.server_port}", "--controller-token", "none"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            looks = [tmp_path / f"cortex_cloud_{name}.json" for name in ("health", "drift")]
            until(lambda: all(look.exists() for look in looks), running, tmp_path / "log")
            tenant.set_status(core, "ERROR", {"connection": {"status": "INVALID", "error": "Token expired: HTTP 401"}})
            tenant.add_collector("by-hand")
            until(lambda: len(launched) == 2, running, tmp_path / "log")
        finally:
            running.terminate()
            running.wait(30)
            server.shutdown()
            server.server_close()
    events = {name: body["extra_vars"]["ansible_eda"]["event"]["cortex"] for name, body in launched}
    assert {name: event["event"] for name, event in events.items()} == {
        "Cortex Cloud: audit": "status_changed", "Cortex Cloud: onboard, plan only": "appeared",
    }  # fmt: skip
    assert events["Cortex Cloud: audit"]["data_source"]["id"] == core
    said = (tmp_path / "log").read_text()
    assert f'GITLAB_SELF_MANAGED "platform" (id {core}) is ERROR. connection is INVALID (Token expired: HTTP 401)' in said
    assert key.key not in said + json.dumps(launched)


def until(done: Callable[[], bool], running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)
