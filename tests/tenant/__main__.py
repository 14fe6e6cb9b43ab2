# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tenant`: runs one embedded tenant until SIGINT or SIGTERM."""
from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from .profile import read_profile, read_yaml
from .server import EmbeddedTenant
from .switches import DEFAULT_PROFILE, PROFILES, Mistake, table

DOCUMENTATION = "docs/embedded_tenant.md"
ROOT = Path(__file__).resolve().parents[2]
# The members of an instance in a seed file.
INSTANCE = {"type", "name", "identifier", "hostname", "protocol", "selection_type", "state", "repositories", "status"}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tenant", description=f"An embedded tenant on 127.0.0.1; see {DOCUMENTATION}.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS with a private CA made for this run")
    parser.add_argument("--profile", default=DEFAULT_PROFILE, metavar="NAME",
                        help=f"values of the switches: {', '.join(PROFILES)} (default: {DEFAULT_PROFILE})")
    parser.add_argument("--profile-file", metavar="FILE.yml",
                        help="a profile that cortex_cloud.appsec.verify wrote: the values it knows replace those of --profile")
    parser.add_argument("--set", action="append", default=[], metavar="SWITCH=VALUE", help="set one switch; may be repeated")
    parser.add_argument("--seed", metavar="FILE.yml",
                        help="what the tenant contains at the start: {repositories: [owner/name, ...], data_sources: [{type: ...}, ...]}")
    parser.add_argument("--env-file", metavar="FILE", help="write all variables to FILE (mode 0600) and print nothing secret")
    parser.add_argument("--attached", action="store_true", help="also end when the process that started it ends")
    parser.add_argument("--switches", action="store_true", help="print the table of switches as Markdown and end")
    return parser.parse_args(arguments)


def chosen(settings: list[str]) -> dict[str, str]:
    pairs = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise Mistake(f"--set {setting}: write SWITCH=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def read_seed(path: str) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """A seed file, as arguments of EmbeddedTenant.seed. Raises Mistake."""
    content = read_yaml("--seed", path)
    both = {"repositories", "data_sources"}
    if not (isinstance(content, dict) and content and content.keys() <= both and all(isinstance(one, list) for one in content.values())):
        raise Mistake(f"--seed {path}: must contain repositories or data_sources, each with a list")
    repositories, sources = [], content.get("data_sources", [])
    for number, entry in enumerate(content.get("repositories", [])):
        fields: Any = {"name": entry} if isinstance(entry, str) else entry
        texts = isinstance(fields, dict) and "name" in fields and all(isinstance(value, str) for value in fields.values())
        if not texts or set(fields) - {"name", "url", "source", "default_branch"}:
            raise Mistake(f"--seed {path}: repositories[{number}]: owner/name, or name with any of url, source, default_branch, all texts")
        repositories.append({"owner_and_name" if name == "name" else name: value for name, value in fields.items()})
    for number, source in enumerate(sources):
        if not isinstance(source, dict) or not isinstance(source.get("type"), str) or set(source) - INSTANCE:
            raise Mistake(f"--seed {path}: data_sources[{number}]: type, with any of {', '.join(sorted(INSTANCE - {'type'}))}")
    return repositories, sources


def variables(tenant: EmbeddedTenant) -> dict[str, str]:
    """The collection's variables for the admin key, the other keys as TENANT_<NAME>_API_KEY..., and the control interface."""
    result = tenant.environment("admin")
    for name, key in tenant.keys.items():
        if name != "admin":
            prefix = f"TENANT_{name.upper()}_API_KEY"
            result.update({f"{prefix}_ID": key.id, prefix: key.key, f"{prefix}_TYPE": key.type})
    return {**result, "TENANT_CONTROL_URL": f"{tenant.url}/control", "TENANT_CONTROL_TOKEN": tenant.control_token}


def write_private(path: str, lines: list[str]) -> None:
    """Write a file that only its owner can read, completely or not at all. Raises Mistake."""
    directory = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".tenant-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise Mistake(f"--env-file {path}: {error.strerror}") from None


def announce(tenant: EmbeddedTenant, env_file: str | None) -> None:
    if env_file is not None:
        write_private(env_file, [f"{name}={shlex.quote(value)}" for name, value in variables(tenant).items()])
        lines = [f"# embedded tenant at {tenant.url}; its keys are in {env_file}"]
    else:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in tenant.environment("admin").items()]
        if (ROOT / ".venv" / "bin" / "ansible-playbook").exists():
            # Where the programs and the collection of this clone are.
            lines.append(f'export PATH={shlex.quote(str(ROOT / ".venv" / "bin"))}:"$PATH"')
            lines.append(f"export ANSIBLE_COLLECTIONS_PATH={shlex.quote(str(ROOT / '.build'))}")
        viewer = " ".join(f"{name}={shlex.quote(value)}" for name, value in tenant.environment("viewer").items() if "_KEY" in name)
        lines.append(f"# a key that may only read: export {viewer}")
        lines.append(f"# control interface: {tenant.url}/control/switches with the header X-Control-Token: {tenant.control_token}")
    lines.append(f"# switches: {DOCUMENTATION}; stop with Ctrl-C")
    print("\n".join(lines), flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.switches:
        print(table(), end="")
        return 0
    stopped, parent = threading.Event(), os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    tenant = None
    try:
        settings: dict[str, Any] = {**(read_profile(options.profile_file) if options.profile_file else {}), **chosen(options.set)}
        tenant = EmbeddedTenant(options.profile, options.tls, port=options.port, **settings)
        if options.seed:
            tenant.seed(*read_seed(options.seed))
        tenant.start()
        announce(tenant, options.env_file)
        while not stopped.wait(1) and not (options.attached and os.getppid() != parent):
            pass
    except Mistake as mistake:
        print(f"tenant: {mistake}", file=sys.stderr)
        return 2
    finally:
        if tenant is not None:
            tenant.stop()
    for violation in tenant.violations:
        print(f"tenant: violated its own document: {violation}", file=sys.stderr)
    return 1 if tenant.violations else 0


if __name__ == "__main__":
    sys.exit(main())
