# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping, the control interface, and the command."""
from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tenant.__main__ import main
from tenant.auth import Key
from tenant.control import HEADER
from tenant.server import EmbeddedTenant
from tenant.switches import table

from .calling import GITLAB, INSTANCES, Caller, signed

TESTS = Path(__file__).resolve().parents[2]
ROOT = TESTS.parent


def test_environment(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    plain, tls = make_tenant(), make_tenant(tls=True)
    key = plain.keys["viewer_standard"]
    assert plain.environment("viewer_standard") == {
        "CORTEXCLOUD_API_URL": f"http://127.0.0.1:{plain.port}", "CORTEXCLOUD_API_KEY_ID": key.id,
        "CORTEXCLOUD_API_KEY": key.key, "CORTEXCLOUD_API_KEY_TYPE": "standard",
    }
    assert tls.environment()["CORTEXCLOUD_API_URL"].startswith("https://127.0.0.1:")
    assert requests.get(f"{tls.url}/", verify=tls.environment()["CORTEXCLOUD_CA_PATH"], timeout=10).status_code == 401


def test_a_stopped_tenant_does_not_respond() -> None:
    with EmbeddedTenant() as tenant:
        admin = Caller(tenant)
        assert admin.get(INSTANCES).status_code == 200
    # The connection of the session was open: no leftover thread may respond on it.
    with pytest.raises(requests.ConnectionError):
        admin.get(INSTANCES)
    tenant.stop()


def test_the_private_ca_is_deleted_with_the_tenant() -> None:
    with EmbeddedTenant(tls=True) as tenant:
        ca_path = Path(str(tenant.ca_path))
        assert ca_path.exists()
    assert not ca_path.exists()


def test_a_client_that_sends_nothing_blocks_nobody(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    tenant = make_tenant(tls=True)
    with socket.create_connection((tenant.host, tenant.port)):
        admin = Caller(tenant)
        admin.session.verify = str(tenant.ca_path)
        assert admin.get(INSTANCES).status_code == 200


def test_many_callers_at_once_create_one_instance(tenant: EmbeddedTenant) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(Caller(tenant).post(INSTANCES, GITLAB).status_code)) for _unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert len(tenant.journal) == 8


def test_a_list_of_ten_thousand_is_validated(tenant: EmbeddedTenant, admin: Caller) -> None:
    for number in range(10_000):
        tenant.add_instance("GITLAB_SELF_MANAGED", name=str(number), hostname="gitlab.example.com", protocol="https")
    assert len(admin.get(INSTANCES).json()) == 10_000


# -- the control interface


@pytest.fixture
def control(tenant: EmbeddedTenant) -> Callable[..., requests.Response]:
    def send(method: str, name: str, body: Any = None, token: str = tenant.control_token) -> requests.Response:
        return requests.request(method, f"{tenant.url}/control/{name}", json=body, headers={HEADER: token}, timeout=10)

    return send


def test_control_reads_and_sets_switches(tenant: EmbeddedTenant, control: Callable[..., requests.Response]) -> None:
    assert control("GET", "switches").json() == tenant.switches
    assert control("PUT", "switches", {"offset": "ignored", "settle": 3}).json()["settle"] == 3
    assert tenant.switches["offset"] == "ignored"
    for wrong in ({"ofset": "ignored"}, {"offset": "x"}, [1], None):
        refused = control("PUT", "switches", wrong)
        assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_control_shows_what_happened(tenant: EmbeddedTenant, admin: Caller, control: Callable[..., requests.Response]) -> None:
    instance_id = admin.create(GITLAB)
    [entry] = control("GET", "journal").json()
    assert (entry["path"], entry["status"], entry["request_body"]["credentials"]["clientSecret"]) == (INSTANCES, 200, "***")
    assert control("GET", "instances").json() == {instance_id: tenant.instances[instance_id]}
    assert control("GET", "uploads").json() == []
    assert control("DELETE", "journal").status_code == 200
    assert tenant.journal == []
    assert control("POST", "reset").status_code == 200
    assert tenant.instances == {}


def test_control_connects_an_instance_as_a_person_would(
    tenant: EmbeddedTenant, admin: Caller, control: Callable[..., requests.Response]
) -> None:
    tenant.set(initial_selection="found")
    known = ["bakery/oven", "bakery/till"]
    connected = control("POST", "instances", {
        "type": "GITHUB_ENTERPRISE", "identifier": "bakery", "hostname": "git.bakery.example", "repositories": known,
    })
    assert connected.status_code == 201
    path = f"{INSTANCES}/{connected.json()['id']}"
    assert [admin.get(path).json()["state"] for _unused in range(2)] == [[], known]
    shown = admin.get(path).json()
    assert (shown["uniqueIdentifier"], shown["domain"]) == ("bakery", {"hostname": "git.bakery.example", "protocol": "https"})
    assert len(admin.get("/public_api/appsec/v1/repositories").json()) == 2
    for wrong, message in (
        ([], "type"), ({}, "type"), ({"type": 7}, "type"), ({"type": "GITHUB", "organisation": "x"}, "no organisation"),
        ({"type": "GITHUB", "hostname": 7}, "hostname must be a text"),
        ({"type": "GITHUB", "repositories": "x"}, "must be a list of texts"),
    ):
        refused = control("POST", "instances", wrong)
        assert refused.status_code == 400
        assert message in refused.json()["error"]
    assert len(tenant.instances) == 1
    assert control("POST", "instances", {"type": "GITHUB"}, token="wrong").status_code == 403


def test_control_needs_its_token_and_counts_for_nothing(tenant: EmbeddedTenant, control: Callable[..., requests.Response]) -> None:
    tenant.set(rate=1, rate_window=1000)
    for method, name in (("GET", "switches"), ("PUT", "switches"), ("GET", "journal"), ("DELETE", "journal"), ("GET", "instances"),
                         ("GET", "uploads"), ("POST", "reset")):
        assert control(method, name, token="wrong").status_code == 403
        assert control(method, name, {} if method == "PUT" else None).status_code == 200
    assert tenant.journal == []


# -- the command


class Running:
    """`python -m tenant`, once it has started. `text` is what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.text = process, ""
        assert process.stdout is not None
        watchdog = threading.Timer(20, process.kill)
        watchdog.start()
        for line in process.stdout:
            self.text += line
            if "stop with Ctrl-C" in line:
                break
        watchdog.cancel()
        assert "stop with Ctrl-C" in self.text

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def command() -> Iterator[Callable[..., Running]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> Running:
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        started.append(subprocess.Popen([sys.executable, "-m", "tenant", *arguments], stdout=subprocess.PIPE, text=True, env=environment))
        return Running(started[-1])

    yield run
    for process in started:
        process.kill()
        process.communicate()


def exported(lines: list[str]) -> dict[str, str]:
    return dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines)


def call(variables: dict[str, str], path: str = INSTANCES, prefix: str = "CORTEXCLOUD_API_KEY") -> requests.Response:
    """A GET with the key in these variables."""
    key = Key(id=variables[f"{prefix}_ID"], key=variables[prefix], type=variables[f"{prefix}_TYPE"], role="", expired=False)
    headers = signed(key, time.time()) if key.type == "advanced" else {"x-xdr-auth-id": key.id, "Authorization": key.key}
    verify = variables.get("CORTEXCLOUD_CA_PATH", True)
    return requests.get(variables["CORTEXCLOUD_API_URL"] + path, headers=headers, verify=verify, timeout=10)


def test_the_command_prints_what_to_export(command: Callable[..., Running], tmp_path: Path) -> None:
    seed = tmp_path / "seed.yml"
    seed.write_text("repositories: [shop/web, {name: shop/api, source: GITLAB, url: 'https://gitlab.com/shop/api'}]\n", encoding="utf-8")
    running = command("--tls", "--profile", "awkward", "--set", "list_envelope=bare", "--seed", str(seed))
    variables = exported([line for line in running.text.splitlines() if line.startswith("export ")])
    assert call(variables).json() == []
    assert len(call(variables, "/public_api/appsec/v1/repositories").json()) == 2
    found = re.search(r"# control interface: (\S+) with the header X-Control-Token: (\S+)", running.text)
    assert found is not None
    switches = requests.get(found[1], headers={HEADER: found[2]}, verify=variables["CORTEXCLOUD_CA_PATH"], timeout=10).json()
    assert (switches["list_envelope"], switches["offset"]) == ("bare", "ignored")
    assert running.stop(signal.SIGTERM) == 0


def test_a_brownfield_to_try_a_view_only_key_and_where_the_programs_are(command: Callable[..., Running]) -> None:
    running = command("--seed", str(ROOT / "tests" / "tenant" / "brownfield.yml"))
    variables = exported([line for line in running.text.splitlines() if line.startswith("export ")])
    listed = call(variables).json()
    assert sorted(one["type"] for one in listed) == ["GITHUB_ENTERPRISE", "GITLAB_SELF_MANAGED", "JENKINS_SERVER", "SNYK"]
    (viewer,) = re.findall(r"^# a key that may only read: export (.*)$", running.text, re.MULTILINE)
    weaker = {**variables, **dict(part.split("=", 1) for part in shlex.split(viewer))}
    assert weaker["CORTEXCLOUD_API_KEY_ID"] != variables["CORTEXCLOUD_API_KEY_ID"]
    assert call(weaker).json() == listed
    if (ROOT / ".venv" / "bin" / "ansible-playbook").exists():
        assert variables["PATH"] == f"{ROOT}/.venv/bin:$PATH"
        assert variables["ANSIBLE_COLLECTIONS_PATH"] == f"{ROOT}/.build"
    assert running.stop(signal.SIGTERM) == 0


@pytest.mark.skipif(shutil.which("make") is None or not (ROOT / ".venv").exists(), reason="no make here, or no .venv of this clone")
@pytest.mark.parametrize(("end", "number"), [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGINT), (os.kill, signal.SIGKILL)])
def test_make_leaves_no_server_behind(end: Callable[[int, int], None], number: int) -> None:
    make = ["make", "-o", ".venv/.stamp-demo", "tenant"]
    with subprocess.Popen(make, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        url = re.search(r"CORTEXCLOUD_API_URL=(\S+)", Running(process).text)
        assert url is not None
        end(process.pid, number)
        try:
            process.wait(10)
            listens = True
            for _wait in range(50):
                with socket.socket() as probe:
                    listens = probe.connect_ex(("127.0.0.1", int(url[1].rpartition(":")[2]))) == 0
                if not listens:
                    break
                time.sleep(0.1)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert not listens


def test_the_command_writes_a_private_file(command: Callable[..., Running], tmp_path: Path) -> None:
    file = tmp_path / "tenant.env"
    running = command("--env-file", str(file))
    variables = exported(file.read_text(encoding="utf-8").splitlines())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert call(variables).status_code == 200
    for name, status in (("VIEWER", 200), ("VIEWER_STANDARD", 200), ("ADMIN_STANDARD", 200), ("EXPIRED", 401)):
        assert call(variables, prefix=f"TENANT_{name}_API_KEY").status_code == status
    secrets = [value for name, value in variables.items() if name.endswith(("API_KEY", "TOKEN"))]
    assert len(secrets) == 6
    assert [secret for secret in secrets if secret in running.text] == []
    assert running.stop(signal.SIGINT) == 0


@pytest.mark.parametrize(("arguments", "line"), [
    (["--set", "ofset=ignored"], "tenant: no switch named 'ofset'; did you mean offset"),
    (["--set", "offset"], "tenant: --set offset: write SWITCH=VALUE"),
    (["--profile", "x"], "tenant: no profile named 'x'; known: published, guide, default, awkward"),
    (["--profile-file", "missing.yml"], "tenant: --profile-file missing.yml: No such file or directory"),
    (["--profile-file", "seed.yml"], "tenant: --profile-file seed.yml: not a profile; "),
    (["--seed", "missing.yml"], "tenant: --seed missing.yml: No such file or directory"),
    (["--seed", "seed.yml"], "tenant: --seed seed.yml: repositories[1]: "),
    (["--env-file", "missing/tenant.env"], "tenant: --env-file missing/tenant.env: No such file or directory"),
])
def test_a_mistake_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    Path("seed.yml").write_text("repositories: [shop/web, {name: shop/api, branch: main}]\n", encoding="utf-8")
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(line)


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--switches"]) == 0
    assert capsys.readouterr().out == table()
