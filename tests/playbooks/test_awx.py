# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX: a controller would accept what awx_setup sends, and jobs work with only what a controller passes to them."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from controller import Controller
from jinja2 import StrictUndefined, sandbox
from playing import REPORT, ROOT, Ended, play

from starting import BIN, environment, in_ci_only
from tenant.server import EmbeddedTenant

Data = dict[str, Any]
SETUP = ROOT / "playbooks" / "awx_setup.yml"
PROJECT = ROOT / "examples" / "awx-project"
REAL = ROOT / ".build" / "awx"
SPECS = json.loads((Path(__file__).parent / "data" / "awx_specs.json").read_text(encoding="utf-8"))["modules"]
LISTS = {
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_hosts": "host",
    "controller_instance_groups": "instance_group",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
}
POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"automountServiceAccountToken": False, "containers": [{"name": "worker"}]}}
OTHER_NAMES = {
    "awx_organization": "Bank", "awx_prefix": "AppSec", "awx_credential_name": "prod key", "awx_inventory": "tenants",
    "awx_execution_environment": "cortex-ee", "awx_credentials": ["vault"], "awx_hosts": "tenants", "awx_keep_dir": "/srv/cortex",
    "awx_project_scm_url": "https://git.example.com/a.git", "awx_onboard_file": "tenants/uat.yml", "awx_instances": ["node-1", "node-2"],
}  # fmt: skip
KINDS = {"str": str, "bool": bool, "list": list, "dict": dict, "int": int}

RENDER = """
- hosts: all
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  vars_files: [FILE]
  tasks:
    - ansible.builtin.copy:
        dest: "FOLDER/{{ inventory_hostname }}.json"
        mode: "0600"
        content: "{{ {LISTS} | to_json }}"
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, kept: str) -> dict[str, Data]:
    """The data file as Ansible reads it without variables, with everything that is optional, and with other names: a host for each."""
    folder = tmp_path_factory.mktemp("data")
    # A folder that outlives the job, a credential for the project, a group of pods, slices.
    optional = {"awx_keep_dir": kept, "awx_project_scm_credential": "git", "awx_pod_spec": POD, "awx_slices": 2}
    hosts = {"nothing": {}, "optional": optional, "named": OTHER_NAMES}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    lists = ", ".join(f"'{name}': {name}" for name in LISTS)
    book = RENDER.replace("FILE", str(ROOT / "playbooks" / "vars" / "awx.yml")).replace("LISTS", lists)
    (folder / "render.yml").write_text(book.replace("FOLDER", str(folder)), encoding="utf-8")
    play(folder, "render.yml", inventory="hosts.yml").fine()
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in hosts}


@pytest.fixture(scope="module")
def data(rendered: dict[str, Data]) -> Data:
    return rendered["optional"]


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


# -- would the modules accept it?


def faults(module: str, options: Data) -> Iterator[str]:
    """Why the argument spec of the module would refuse these options."""
    spec = SPECS[module]
    names = {alias: name for name, option in spec.items() for alias in [name, *option.get("aliases", [])]}
    for key, value in options.items():
        if key not in names:
            yield f"{module}: no option {key}"
            continue
        option = spec[names[key]]
        if not isinstance(value, KINDS[option.get("type", "str")]):
            yield f"{module}.{key}: {value!r} is not a {option.get('type', 'str')}"
        if option.get("choices") and value not in option["choices"]:
            yield f"{module}.{key}: {value!r} is not one of {option['choices']}"
    yield from (f"{module}: {key} is required" for key, option in spec.items() if option.get("required") and key not in options)


@pytest.mark.parametrize(("name", "module"), LISTS.items())
def test_every_item_is_what_its_module_takes(data: Data, name: str, module: str) -> None:
    assert data[name]
    assert [fault for item in data[name] for fault in faults(module, item)] == []


@pytest.mark.parametrize(("name", "module"), LISTS.items())
def test_the_playbook_hands_every_option_on(data: Data, name: str, module: str) -> None:
    tasks = [task for block in yaml.safe_load(SETUP.read_text(encoding="utf-8"))[0]["tasks"] for task in block.get("block", [block])]
    (task,) = [task for task in tasks if task.get("action") == f"{{{{ awx__modules }}}}.{module}"]
    assert task["loop"] == f"{{{{ {name} }}}}"
    assert set(task["args"]) == {key for item in data[name] for key in item}
    assert task["args"].keys() <= SPECS[module].keys()
    assert all(re.match(rf"{{{{ item\.{key}\b", value) for key, value in task["args"].items())


@pytest.mark.parametrize(
    ("module", "options", "fault"),
    [
        ("project", {"name": "x", "scm": "git"}, "no option scm"),
        ("project", {"name": "x", "scm_type": "cvs"}, "'cvs' is not one of"),
        ("job_template", {"name": "x", "credentials": "one"}, "'one' is not a list"),
        ("inventory", {"name": "x"}, "organization is required"),
    ],
)
def test_a_wrong_item_is_found(module: str, options: Data, fault: str) -> None:
    assert any(fault in found for found in faults(module, options))


# -- would the controller accept it? The rules are those of its sources.


def test_the_credential_type_is_one_that_a_controller_accepts(data: Data) -> None:
    (kind,) = data["controller_credential_types"]
    fields = kind["inputs"]["fields"]
    ids = [field["id"] for field in fields]
    assert kind["kind"] in ("cloud", "net")
    assert len(set(ids)) == len(ids)
    for field in fields:
        assert field.keys() <= {"id", "label", "type", "secret", "multiline", "help_text", "choices", "default", "format", "ask_at_runtime"}
        assert field["type"] in ("string", "boolean")
        assert field.get("default", "") in ["", *field.get("choices", [])]
    assert [field["id"] for field in fields if field.get("secret")] == ["api_key", "rate_limit_url", "collector_token"]
    injectors = kind["injectors"]
    assert injectors.keys() <= {"env", "file", "extra_vars"}
    assert not [name for name in injectors["env"] if name.startswith("ANSIBLE_")], "a controller refuses those"
    assert all(label.split(".")[0] == "template" for label in injectors["file"])
    examples = {**dict.fromkeys(ids, "EXAMPLE"), "tower": {"filename": dict.fromkeys(("ca", "key", "token", "store"), "EXAMPLE_FILENAME")}}
    strict = sandbox.ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for template in [*injectors["env"].values(), *injectors["file"].values()]:
        assert strict.from_string(template).render(examples).startswith("EXAMPLE")


def test_the_collection_reads_every_variable(data: Data) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    unknown = [name for name in data["controller_credential_types"][0]["injectors"]["env"] if f'"{name}"' not in sources]
    assert unknown == []


class Scheduler:
    """Which jobs run at the same time, by the rules of the task manager of AWX 24.6.1.

    A job runs in the first of its template's groups that has room; unless the fallback is prevented, the groups of inventory and
    organization and the default one follow (awx/main/models/jobs.py, preferred_instance_groups). A container group counts its own jobs, a
    group of instances all jobs on them (awx/main/scheduler/task_manager_models.py, has_remaining_capacity and get_jobs_running).
    """

    def __init__(self, groups: list[Data]) -> None:
        default = {"name": "default", "max_concurrent_jobs": 0, "is_container_group": False, "instances": ["others.example.com"]}
        self.groups = {group["name"]: group for group in [*groups, default]}
        self.running: list[tuple[str, Data]] = []

    def launch(self, template: Data) -> None:
        preferred = list(template.get("instance_groups", []))
        if not (preferred and template.get("prevent_instance_group_fallback")):
            preferred.append("default")
        for name in preferred:
            group = self.groups[name]
            groups = [other for _job, other in self.running]
            if group["is_container_group"]:
                jobs = sum(other is group for other in groups)
            else:
                jobs = sum(bool({*other["instances"]} & {*group["instances"]}) for other in groups)
            if not group["max_concurrent_jobs"] or jobs < group["max_concurrent_jobs"]:
                self.running.append((template["name"], group))
                return


def at_once(data: Data, *names: str, **changed: Any) -> list[str]:
    scheduler = Scheduler(data["controller_instance_groups"])
    for template in data["controller_templates"]:
        if template["name"].partition(": ")[2] in names or not names:
            for _slice in range(template.get("job_slice_count", 1)):
                scheduler.launch({**template, **changed})
    return [name.partition(": ")[2] for name, _group in scheduler.running]


def test_no_two_templates_ever_run_at_once_but_for_the_slices_of_a_fleet(data: Data) -> None:
    others = [each["name"].partition(": ")[2] for each in data["controller_templates"] if not each["name"].endswith(": onboard")]
    assert len(others) == 7
    assert at_once(data, *others) == ["doctor"]
    assert at_once(data, "onboard") == ["onboard"] * 2
    assert [yaml.safe_load(group["pod_spec_override"]) for group in data["controller_instance_groups"]] == [POD, POD]
    # With the fallback they would.
    assert len(at_once(data, *others, prevent_instance_group_fallback=False)) == 7


def surveys(data: Data) -> list[tuple[Data, list[Data]]]:
    asking = [each for each in data["controller_templates"] + data["controller_workflows"] if each.get("survey_enabled")]
    return [(each, each["survey_spec"]["spec"]) for each in asking]


def test_every_survey_is_one_that_a_controller_accepts(data: Data) -> None:
    assert len(surveys(data)) == 9
    for template, questions in surveys(data):
        assert template["survey_spec"].keys() == {"name", "description", "spec"}
        assert len({question["variable"] for question in questions}) == len(questions)
        for question in questions:
            assert question["type"] == "text"
            assert isinstance(question["required"], bool)
            assert isinstance(question["question_name"], str)
            assert isinstance(question["default"], str)
            # A controller does not measure a blank default; it refuses the blank answer when a job is launched.
            assert question["min"] == (1 if question["required"] else 0)
            assert question["default"] == "" or question["min"] <= len(question["default"]) <= question["max"]


def options_of(role: str) -> Data:
    spec = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(spec["argument_specs"]["main"]["options"])


def test_every_question_is_for_a_variable_that_exists(data: Data) -> None:
    for template, questions in surveys(data):
        if "playbook" not in template:
            continue
        book = ROOT / "playbooks" / template["playbook"]
        if not book.exists():
            pytest.skip(f"{book.name} is not there")
        text = book.read_text(encoding="utf-8")
        roles = re.findall(r"cortex_cloud\.appsec\.(tenant|audit|decommission)\b", text)
        known = {name for role in roles if (ROOT / "roles" / role).exists() for name in options_of(role)}
        unknown = {question["variable"] for question in questions} - known - set(re.findall(r"\w+", text))
        assert unknown == set(), f"{template['name']} asks for {unknown}"


def test_the_workflows_use_templates_that_exist(data: Data) -> None:
    templates = {each["name"] for each in data["controller_templates"]}
    for workflow in data["controller_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
        following = [to["identifier"] for node in nodes.values() for to in node.get("related", {}).get("success_nodes", [])]
        assert sorted([*following, "plan"]) == sorted(nodes), "each but the first has a predecessor"
        for node in nodes.values():
            job = node["unified_job_template"]
            assert job["type"] == "workflow_approval" or job["name"] in templates


def test_whoever_launches_may_limit_the_hosts(data: Data) -> None:
    """A workflow passes the limit on to its jobs. Without it, the digest for one host would be compared with the plan for several."""
    for each in [*data["controller_templates"], *data["controller_workflows"]]:
        assert each["ask_limit_on_launch"] is True, each["name"]


def test_every_template_has_its_playbook_in_the_project(data: Data) -> None:
    books = {each["playbook"] for each in data["controller_templates"]}
    assert books <= {path.name for path in PROJECT.glob("*.yml")}
    for path in PROJECT.glob("*.yml"):
        (imported,) = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert imported["ansible.builtin.import_playbook"] == f"cortex_cloud.appsec.{path.stem}"


def test_other_names_are_used_everywhere(rendered: dict[str, Data]) -> None:
    data = copy.deepcopy(rendered["named"])
    for template in data["controller_templates"]:
        assert template["name"].startswith("AppSec: ")
        assert (template["organization"], template["project"], template["inventory"]) == ("Bank", "AppSec", "tenants")
        assert (template["credentials"], template["execution_environment"]) == (["prod key", "vault"], "cortex-ee")
        assert template["extra_vars"].pop("cortex_cloud_hosts") == "tenants"
        assert template["extra_vars"].pop("tenant_plan_required", False) == template["name"].endswith("an approved plan")
        assert set(template["extra_vars"]) == {"tenant_backup_dir", "decommission_backup_dir", "audit_report_dir"}
        assert all(name in options_of(name.split("_")[0]) for name in template["extra_vars"])
        assert all(folder.startswith("/srv/cortex/") for folder in template["extra_vars"].values())
    defaults = {question["variable"]: question["default"] for _template, questions in surveys(data) for question in questions}
    assert defaults["onboard_file"] == "tenants/uat.yml"
    assert "Default" not in json.dumps(data["controller_workflows"])
    assert data["controller_hosts"] == []
    assert [(group["name"], group["instances"]) for group in data["controller_instance_groups"]] == [("AppSec", ["node-1", "node-2"])]
    assert at_once(data) == ["doctor"]


def test_what_is_not_given_is_left_out(rendered: dict[str, Data]) -> None:
    """A blank credential would be searched for, and a decommissioning needs a folder for its backup."""
    data = rendered["nothing"]
    assert "credential" not in data["controller_projects"][0]
    assert [each["name"] for each in data["controller_templates"] + data["controller_workflows"] if "decommission" in each["name"]] == []
    assert len(data["controller_templates"]) == 6
    assert all(each["extra_vars"].keys() <= {"tenant_plan_required"} for each in data["controller_templates"])
    # What was set by hand is not changed.
    assert data["controller_instance_groups"] == []
    assert not [each for each in data["controller_templates"] if each.keys() & {"instance_groups", "job_slice_count"}]


# -- the playbook


def setup(folder: Path, *options: str, more: dict[str, str] | None = None, **variables: Any) -> Ended:
    return play(folder, "awx_setup", *options, more=more, **{"awx_project_scm_url": "https://git.example.com/a.git", **variables})


def test_a_missing_project_or_collection_gets_one_line(tmp_path: Path) -> None:
    ended = setup(tmp_path, awx_project_scm_url="")
    assert ended.code == 2
    assert "awx_project_scm_url is not set: name the Git repository" in ended.output
    ended = setup(tmp_path, awx_collection="ansible.nowhere")
    assert ended.code == 2
    assert "The collection ansible.nowhere is not installed: ansible-galaxy collection install ansible.nowhere" in ended.output
    ended = setup(tmp_path, awx_instances=[])
    assert ended.code == 2
    assert "jobs of a group without instances stay pending forever." in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.timeout(300)  # five runs of up to 40 modules
def test_with_the_real_modules_a_controller_is_set_up_once(tmp_path: Path, data: Data, kept: str) -> None:
    """The modules are real, the controller is not: it stores what it receives."""
    if not (REAL / "ansible_collections" / "awx" / "awx").exists():
        pytest.skip("the collection awx.awx is not there: scripts/specs awx fetches it (54 MB)")
    with Controller() as controller:
        more = {
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.build'}{os.pathsep}{REAL}",
            "CONTROLLER_HOST": controller.url,
            "CONTROLLER_OAUTH_TOKEN": "token-of-the-controller",
        }
        checked = setup(tmp_path, "--check", more=more, awx_pod_spec=POD)
        assert checked.code == 0, checked.output
        assert "Templates are set up in the real run." in checked.output
        assert controller.writes == []

        controller.broken = True
        broken = setup(tmp_path, more=more)
        assert broken.code == 2
        assert "Project update failed. The output is in the controller under Projects, Cortex Cloud, Jobs." in broken.output
        controller.broken = False
        # As the admin of an organization, who is not allowed to create a group.
        controller.superuser = False
        first = setup(tmp_path, more=more, awx_pod_spec=POD)
        controller.superuser = True
        assert first.code == 0, first.output
        assert "which only a superuser can create or change: You don't have permission" in first.output
        assert controller.kept["instance_groups"] == {}
        assert not [each for each in controller.kept["job_templates"].values() if "prevent_instance_group_fallback" in each]
        assert "token-of-the-controller" not in first.output
        assert "There are no templates for decommissioning" in first.output
        (kind,) = controller.named("credential_types").values()
        assert kind["injectors"] == data["controller_credential_types"][0]["injectors"], "templates arrive as they are"
        assert "credential" not in next(iter(controller.kept["projects"].values()))
        assert len(controller.kept["job_templates"]) == 6
        (credential,) = controller.kept["credentials"].values()
        credential["inputs"] = {"api_key": "$encrypted$"}

        controller.writes.clear()
        compared = setup(tmp_path, "--check", more=more)
        assert "were not examined" not in compared.output
        assert compared.counts()["changed"] == 1, "approval nodes, which awx.awx cannot compare, and nothing else"
        assert controller.writes == []

        extended = setup(tmp_path, more=more, awx_keep_dir=kept, awx_instances=["node-1.example.com"])
        assert extended.code == 0, extended.output
        (group,) = controller.kept["instance_groups"].values()
        assert (group["name"], group["max_concurrent_jobs"], group["is_container_group"]) == ("Cortex Cloud", 1, False)
        (instance,) = controller.kept["instances"]
        assert controller.links[f"instance_groups/{group['id']}/instances/"] == [instance]
        for one in controller.kept["job_templates"].values():
            assert one["prevent_instance_group_fallback"] is True
            assert controller.links[f"job_templates/{one['id']}/instance_groups/"] == [group["id"]]
        assert "There are no templates for decommissioning" not in extended.output
        assert credential["inputs"] == {"api_key": "$encrypted$"}
        templates = controller.named("job_templates")
        assert list(templates) == [each["name"] for each in data["controller_templates"]]
        asking = {each["name"]: each["survey_spec"] for each in data["controller_templates"] if "survey_spec" in each}
        assert {name: controller.surveys[one["id"]] for name, one in templates.items() if one["id"] in controller.surveys} == asking
        assert list(controller.named("workflow_approval_templates")) == ["Approve the plan", "Approve the deletion"]
        assert [each["ask_limit_on_launch"] for each in controller.kept["workflow_job_templates"].values()] == [True, True]


# -- a job, as the controller starts it


class Job:
    """Runs jobs with one credential, in a private data folder."""

    def __init__(self, folder: Path, data: Data, inputs: dict[str, str]) -> None:
        self.folder, self.number = folder, 0
        shutil.copytree(PROJECT, folder / "project")
        for name in ("env", "inventory", "home"):
            (folder / name).mkdir()
        (folder / "inventory" / "hosts").write_text("localhost ansible_connection=local\n", encoding="utf-8")
        (folder / "env" / "envvars").write_text(json.dumps(injected(data, folder, inputs)), encoding="utf-8")

    def run(self, template: Data, answers: Data | None = None) -> Ended:
        """Launch a template. Unanswered questions are blank, as a survey sends them."""
        options = ["--check"] * (template["job_type"] == "check") + ["--diff"] * template.get("diff_mode", False)
        questions = template.get("survey_spec", {"spec": []})["spec"]
        given = {**{question["variable"]: "" for question in questions}, **(answers or {})}
        # As a controller writes it: answers and what an earlier job passed on are tagged, the variables of the template are not.
        tagged = [f"{name}: !unsafe {yaml.safe_dump(value, default_style=chr(39))}" for name, value in given.items()]
        own = {name: value for name, value in template["extra_vars"].items() if name not in given}
        (self.folder / "env" / "extravars").write_text(
            "".join(tagged) + (yaml.safe_dump(own) if own or not given else ""), encoding="utf-8"
        )
        (self.folder / "env" / "cmdline").write_text(" ".join(options), encoding="utf-8")
        self.number += 1
        command = [str(BIN / "ansible-runner"), "run", str(self.folder), "-p", template["playbook"], "--ident", str(self.number)]
        # What the execution environment provides: where the collection is installed, and a home.
        kept = {name: value for name, value in environment(self.folder / "home").items() if not name.startswith("CORTEXCLOUD_")}
        started = subprocess.run(
            command,
            env={**kept, "PWD": str(self.folder)}, cwd=self.folder, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        return Ended(started.returncode, started.stdout + started.stderr)

    @property
    def artifacts(self) -> Data:
        """What the last job passed on (set_stats)."""
        events = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in (self.folder / "artifacts" / str(self.number)).glob("job_events/*.json")
        ]
        (last,) = [event for event in events if event["event"] == "playbook_on_stats"]
        return dict(last["event_data"].get("artifact_data", {}))

    def where(self, secret: str) -> set[str]:
        """The artifact files that contain it."""
        return {
            path.name for path in (self.folder / "artifacts").rglob("*") if path.is_file() and secret in path.read_text(encoding="utf-8")
        }


def injected(data: Data, folder: Path, inputs: dict[str, str]) -> dict[str, str]:
    """The environment that a controller builds from a credential. A blank field is not a variable of the template, and becomes empty."""
    injectors = data["controller_credential_types"][0]["injectors"]
    loose = sandbox.ImmutableSandboxedEnvironment()
    files = {label.split(".")[1]: template for label, template in injectors["file"].items()}
    for name, template in files.items():
        (folder / "env" / name).write_text(loose.from_string(template).render(inputs), encoding="utf-8")
    known = {**inputs, "tower": {"filename": {name: str(folder / "env" / name) for name in files}}}
    return {name: loose.from_string(template).render(known) for name, template in injectors["env"].items()}


def named(data: Data, name: str) -> Data:
    (found,) = [each for each in data["controller_templates"] if each["name"] == f"Cortex Cloud: {name}"]
    return dict(found)


@pytest.fixture
def job(tmp_path: Path, data: Data, tenant: EmbeddedTenant) -> Job:
    made = Job(tmp_path / "private", data, tenant.connection())
    file = made.folder / "project" / "tenants" / "prod.yml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("api-prod.xdr.eu.paloaltonetworks.com", f"127.0.0.1:{tenant.port}"), encoding="utf-8"
    )
    return made


def test_a_blank_credential_is_empty_and_gets_one_line(tmp_path: Path, data: Data) -> None:
    job = Job(tmp_path / "private", data, {})
    assert set(json.loads((job.folder / "env" / "envvars").read_text(encoding="utf-8")).values()) == {""}
    ended = job.run(named(data, "doctor"))
    assert ended.code == 2
    assert "CORTEXCLOUD_API_URL" in ended.output
    assert "Traceback" not in ended.output


def test_a_job_examines_a_tenant_with_a_private_authority(tmp_path: Path, data: Data) -> None:
    with EmbeddedTenant("guide", tls=True, rate=1000) as tenant:
        assert tenant.ca_path
        inputs = {**tenant.connection(), "ca_certificate": Path(tenant.ca_path).read_text(encoding="utf-8")}
        ended = Job(tmp_path / "private", data, inputs).run(named(data, "doctor")).fine()
        assert "accepted (advanced)" in ended.output


def test_jobs_plan_onboard_export_and_then_change_nothing(job: Job, data: Data, tenant: EmbeddedTenant) -> None:
    answers = {"onboard_file": "tenants/prod.yml"}
    plan = job.run(named(data, "onboard, plan only"), answers).fine()
    assert plan.counts()["changed"] == 1
    assert tenant.writes == []
    digest = job.artifacts["tenant_plan_digest"]

    approved = named(data, "onboard an approved plan")
    refused = job.run(approved, {**answers, "tenant_plan_digest": ""})
    assert refused.code == 2, refused.output
    assert digest in refused.output
    # With a survey that no longer asks: the template still requires the digest.
    without = {**approved, "survey_spec": {"spec": []}}
    assert "plan_required is set and plan_digest is not given: nothing was sent." in job.run(without, answers).output
    assert tenant.writes == []

    real = job.run(approved, {**answers, "tenant_plan_digest": digest}).fine()
    assert real.counts()["changed"] == 1
    assert sorted(one["uniqueProperties"]["name"] for one in tenant.instances.values()) == ["gitlab-core", "jenkins-blue", "snyk-eu"]
    assert job.artifacts == {}

    tenant.clear_journal()
    job.run({**named(data, "doctor"), "playbook": "export.yml"}, {"export_file": "tenants/exported.yml"}).fine()
    assert job.run(named(data, "onboard"), {"onboard_file": "tenants/exported.yml"}).fine().counts()["changed"] == 0
    assert tenant.writes == []

    assert job.where("replace-me") == set()
    # ansible-runner writes the environment into the artifact "command", whatever its settings; see docs/awx.md.
    assert job.where("CORTEXCLOUD_API_KEY_FILE") == {"command"}
    assert job.where(tenant.keys["admin"].key) == set()


def test_a_job_uploads_with_a_key_or_with_the_collectors_token_alone(tmp_path: Path, data: Data, tenant: EmbeddedTenant) -> None:
    tenant.add_repository("example/shop")
    collector = tenant.add_collector("bandit")
    answers = {"sarif_path": "reports/bandit.sarif", "sarif_repository_url": "https://github.com/example/shop", "sarif_branch": "main"}
    token = {"collector_token_id": collector.token_id, "collector_token": collector.token}
    for name, inputs, where in (
        ("key", tenant.connection(), {"sarif_collector_name": "bandit"}),
        ("token", token, {"sarif_upload_url": collector.api_url}),
    ):
        job = Job(tmp_path / name, data, inputs)
        (job.folder / "project" / "reports").mkdir()
        (job.folder / "project" / "reports" / "bandit.sarif").write_text(json.dumps(REPORT), encoding="utf-8")
        ended = job.run(named(data, "upload SARIF"), {**answers, **where})
        assert ended.code == 0, ended.output
        assert "sent 1 results" in ended.output
        assert job.where(collector.token) == job.where(tenant.keys["admin"].key) == set()
    assert [result["ruleId"] for result in tenant.accepted_results] == ["B101", "B101"]


def test_a_job_audits(job: Job, data: Data, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    template = named(data, "audit")
    template["extra_vars"] = {"audit_report_dir": str(tmp_path / "kept")}
    ended = job.run(template, {"onboard_file": "tenants/prod.yml"})
    assert ended.code == 0, ended.output
    (report,) = (tmp_path / "kept").rglob("report.json")
    assert "snyk-eu" in report.read_text(encoding="utf-8"), "it is expected and missing"
    assert job.where("replace-me") == set()
    assert tenant.writes == []


@in_ci_only("test_decommission.py plans and confirms by the same playbook")
def test_one_person_plans_a_decommissioning_and_another_confirms_it(job: Job, data: Data, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    snyk = tenant.add_instance("SNYK", name="snyk-eu")
    plan, delete = named(data, "decommission, plan only"), named(data, "decommission")
    for template in (plan, delete):
        template["extra_vars"] = {"decommission_backup_dir": str(tmp_path / "kept")}
    answers = {"decommission_type": "SNYK", "decommission_name": "snyk-eu", "onboard_file": "tenants/prod.yml"}

    listed = job.run(plan, answers)
    assert listed.code == 2
    assert "snyk-eu" in listed.output

    file = job.folder / "project" / "tenants" / "prod.yml"
    file.write_text(file.read_text(encoding="utf-8").split("scanners_snyk")[0], encoding="utf-8")
    planned = job.run(plan, answers)
    assert planned.code == 0, planned.output
    digest = job.artifacts["decommission_confirm"]

    assert job.run(delete, answers).code == 2
    assert tenant.writes == []
    done = job.run(delete, {**answers, "decommission_confirm": digest})
    assert done.code == 0, done.output
    assert snyk not in tenant.instances
    assert len(tenant.instances) == 1
    assert list((tmp_path / "kept").rglob("*.json"))
