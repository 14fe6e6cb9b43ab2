# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/token-stores/: a new token goes into each store and comes out again, as its page says.

In place of the stores' modules stand ones with their argument specs (scripts/specs stores), which write down what they were given;
in place of Conjur a server that asks for what the documentation of Conjur's API says.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from playing import REPORT, ROOT, play

from tenant.server import EmbeddedTenant

STORES = ROOT / "examples" / "token-stores"
PAGE = (STORES / "README.md").read_text(encoding="utf-8")
SPECS = json.loads((Path(__file__).parent / "data" / "store_specs.json").read_text(encoding="utf-8"))
MODULE = """
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=json.loads({spec!r}))
with open({kept!r}, "w") as file:
    json.dump({{name: value for name, value in module.params.items() if value is not None}}, file)
module.exit_json(changed=True)
"""
LOOKUP = """
import json
from ansible.plugins.lookup import LookupBase
class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with open({kept!r}) as file:
            given = json.load(file)
        assert (terms, kwargs) == ([given["path"]], {{"engine_mount_point": given["engine_mount_point"]}}), (terms, kwargs)
        return [{{"secret": given["data"]}}]
"""


class Conjur(BaseHTTPRequestHandler):
    """The two calls that a program makes to set a variable. What was set is in the server's `kept`."""

    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        code, answer = 401, ""
        if self.path == "/authn/acme/host%2Fci/authenticate" and body == "key-of-conjur" and self.headers["Accept-Encoding"] == "base64":
            code, answer = 200, base64.b64encode(b"session").decode()
        elif self.headers["Authorization"] == f'Token token="{base64.b64encode(b"session").decode()}"':
            code = 201 if self.path == "/secrets/acme/variable/cortex%2Fgitleaks" else 404
            self.server.kept = body
        self.send_response(code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def conjur() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Conjur) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def stand_ins(folder: Path) -> None:
    for name in SPECS["modules"]:
        namespace, collection, module = name.split(".")
        plugins = folder / "ansible_collections" / namespace / collection / "plugins"
        (plugins / "modules").mkdir(parents=True)
        spec, kept = json.dumps(SPECS["modules"][name]), str(folder / f"{module}.json")
        (plugins / "modules" / f"{module}.py").write_text(MODULE.format(spec=spec, kept=kept))
    lookup = folder / "ansible_collections" / "community" / "hashi_vault" / "plugins" / "lookup"
    lookup.mkdir()
    (lookup / "vault_kv2_get.py").write_text(LOOKUP.format(kept=str(folder / "vault_kv2_write.json")))


def test_a_new_token_goes_into_each_store_and_uploads_when_it_comes_out(tmp_path: Path, conjur: Any) -> None:
    stand_ins(tmp_path)
    for name in ("hashi_vault", "azure_key_vault", "conjur"):
        (tmp_path / f"{name}.yml").write_bytes((STORES / f"{name}.yml").read_bytes())
    make, upload = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    (task,) = make[0]["tasks"]
    for store, collector in (("azure_key_vault", "semgrep_oss"), ("conjur", "gitleaks")):
        names = {"sarif_collector_name": collector, "sarif_collector_store_tasks": f"{{{{ playbook_dir }}}}/{store}.yml"}
        make[0]["tasks"].append({**task, "vars": names})
    (tmp_path / "make.yml").write_text(yaml.safe_dump(make))
    (tmp_path / "upload.yml").write_text(yaml.safe_dump(upload))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "bandit.sarif").write_text(json.dumps(REPORT))
    more = {
        "ANSIBLE_COLLECTIONS_PATH": f"{tmp_path}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}",
        "CONJUR_APPLIANCE_URL": f"http://127.0.0.1:{conjur.server_port}", "CONJUR_ACCOUNT": "acme",
        "CONJUR_AUTHN_LOGIN": "host/ci", "CONJUR_AUTHN_API_KEY": "key-of-conjur", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    (tmp_path / "hosts").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    with EmbeddedTenant("guide") as tenant:
        tenant.add_repository("example/shop")
        uri = "https://example.vault.azure.net"
        made = play(tmp_path, "make.yml", "-vvv", tenant=tenant, inventory="hosts", more=more, store_vault_uri=uri).fine()
        sent = play(tmp_path, "upload.yml", "-vvv", inventory="hosts", more=more).fine()
        assert len(tenant.accepted_results) == 1
    vault = json.loads((tmp_path / "vault_kv2_write.json").read_text())
    azure = json.loads((tmp_path / "azure_rm_keyvaultsecret.json").read_text())
    assert (vault["path"], azure["secret_name"]) == ("cortex/bandit", "cortex-semgrep-oss")
    kept = [vault["data"], json.loads(azure["secret_value"]), json.loads(conjur.kept)]
    assert [sorted(one) for one in kept] == [["api_url", "token", "token_id"]] * 3
    assert len({one["token"] for one in kept}) == 3
    assert [one for one in kept if one["token"] in made.output + sent.output] == []
    assert "key-of-conjur" not in made.output


def test_the_look_ups_of_the_page_have_options_that_there_are() -> None:
    found = re.findall(r"lookup\('([\w.]+)', '[^']+'((?:, \w+=[^,)]+)*)\)", PAGE)
    assert {name for name, _given in found} == set(SPECS["lookups"])
    for name, given in found:
        assert set(re.findall(r"(\w+)=", given)) <= set(SPECS["lookups"][name]), name
