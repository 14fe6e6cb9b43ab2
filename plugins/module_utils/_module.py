# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link to Ansible: connection options, failures as results, redaction of results.

Private to the collection, floor 4.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import typing as t

from ansible.module_utils.basic import AnsibleFallbackNotFound, AnsibleModule, missing_required_lib

from ._api import Api
from ._errors import CortexError, Unexpected
from ._files import open_private
from ._http.client import REQUESTS_ERROR, Client
from ._http.connection import Connection
from ._http.interruption import VARIABLE, Interruption
from ._http.plain import one_line
from ._http.redaction import HIDDEN, Redactor, outgoing, secrets_in
from ._texts import YES, misread, split_lists
from ._version import VERSION

# The members of a result that are text for people.
READ = ("msg", "diff", "hints", "api_error", "pending_actions", "exception")
# Minimum seconds between two updates of the progress file.
PROGRESS_SECONDS = 0.5


def environment(*names: str) -> str:
    """Argument-spec fallback: the first of these environment variables that is not blank. A controller sets a
    variable to "" for an empty field.
    """
    for name in names:
        if os.environ.get(name, "").strip():
            return os.environ[name]
    raise AnsibleFallbackNotFound


def environment_inverted(name: str) -> bool:
    """Argument-spec fallback for a variable that means the opposite of the option; only a clear yes
    counts.
    """
    return environment(name).strip().lower() not in YES


def _option(*variables: str, kind: str = "str", **more: t.Any) -> dict[str, t.Any]:
    """An option that these environment variables set if the task does not."""
    return {"type": kind, "fallback": (environment, list(variables)), **more}


CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "api_url": _option("CORTEXCLOUD_API_URL"),
    "api_key_id": _option("CORTEXCLOUD_API_KEY_ID", no_log=False),
    "api_key": _option("CORTEXCLOUD_API_KEY", no_log=True),
    "api_key_type": _option(
        "CORTEXCLOUD_API_KEY_TYPE", choices=["standard", "advanced"], default="advanced", no_log=False
    ),
    "validate_certs": {
        "type": "bool",
        "default": True,
        "fallback": (environment_inverted, ["CORTEXCLOUD_SKIP_SSL_VERIFY"]),
    },
    "ca_path": _option("CORTEXCLOUD_CA_PATH", "REQUESTS_CA_BUNDLE", kind="path"),
    "expected_tenant": _option("CORTEXCLOUD_EXPECTED_TENANT"),
    "request_timeout": _option("CORTEXCLOUD_REQUEST_TIMEOUT", kind="float", default=30.0),
    "retry_deadline": _option("CORTEXCLOUD_RETRY_DEADLINE", kind="float", default=120.0),
    "requests_per_second": _option("CORTEXCLOUD_REQUESTS_PER_SECOND", kind="float", default=8.0),
    "rate_limit_dir": _option("CORTEXCLOUD_RATE_LIMIT_DIR", kind="path"),
    "rate_limit_url": _option("CORTEXCLOUD_RATE_LIMIT_URL", no_log=True),
    "state_dir": _option("CORTEXCLOUD_STATE_DIR", kind="path"),
    "trace_file": _option("CORTEXCLOUD_TRACE_FILE", kind="path"),
    "trace_names": _option("CORTEXCLOUD_TRACE_NAMES", choices=["hide", "keep"], default="hide"),
}


class CortexModule(AnsibleModule):
    """An AnsibleModule with the connection options. Its results contain no secret, sent or received."""

    ansible_version: str

    def __init__(self, argument_spec: dict[str, t.Any], **kwargs: t.Any) -> None:
        self.redactor = Redactor()
        self._options_valid = False
        self._misread: list[str] = []
        super().__init__(
            argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **kwargs
        )
        self._options_valid = True
        if self._misread:
            self.fail_json(msg=f"{'; '.join(self._misread)}. Nothing was sent.")
        self.redactor.add(*secrets_in(self.params))

    def _load_params(self) -> None:
        """Check the values before Ansible converts them to text: 1.10 and yes would become 1.1 and True."""
        super()._load_params()
        self._misread = list(misread(self.params, self.argument_spec))
        self.params = split_lists(self.params, self.argument_spec)

    def api(self) -> Api:
        """The API of the tenant in the options. Raises InputError for invalid options; the key is checked
        only when it is needed.
        """
        if REQUESTS_ERROR:
            self.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_ERROR)
        options = {name: self.params[name] for name in CONNECTION_SPEC if self.params[name] is not None}
        agent = f"cortex_cloud.appsec/{VERSION} ansible-core/{self.ansible_version}"
        api = Api(Client(Connection(**options, user_agent=agent), self.redactor))
        write = self.progress(api)
        api.client.on_read = lambda read, total: write({"read": read, "total": total})
        return api

    def progress(self, api: Api) -> t.Callable[[dict[str, int]], None]:
        """Returns a function that writes the counts of a run to the file that the action plugin reads, if
        there is one. Call it from one thread at a time.
        """
        path, last = os.environ.get("CORTEXCLOUD_PROGRESS_FILE"), 0.0

        def write(counts: dict[str, int]) -> None:
            nonlocal last
            if path and time.monotonic() - last > PROGRESS_SECONDS:
                last = time.monotonic()
                with (
                    contextlib.suppress(OSError),
                    os.fdopen(open_private(path, os.O_RDWR), "r+", encoding="utf-8") as file,
                ):
                    json.dump({**counts, **api.client.waits}, file)
                    file.truncate()

        return write

    def run(self, work: t.Callable[[Api], dict[str, t.Any]]) -> t.NoReturn:
        """Call work and end the module with its result. The module fails if that has `failed`, or after an
        exception.
        """
        api = None
        try:
            api = self.api()
            with self._until_interrupted(api.client.interruption):
                result = work(api)
        except CortexError as exc:
            result = exc.as_result()
        except Exception as exc:
            result = Unexpected(exc).as_result()
        for text in [*(api.client.warnings if api else []), *result.pop("warnings", [])]:
            self.warn(self.redactor.line(text))
        if api:
            result["rate_limited"] = api.client.waits
            api.client.close()
        if result.pop("failed", False):
            self.fail_json(**result)
        self.exit_json(**result)

    @contextlib.contextmanager
    def _until_interrupted(self, interruption: Interruption) -> t.Iterator[None]:
        """Watch for all signs of an interruption. After one, remove the module's temporary files, since the
        controller may no longer do so.
        """
        interruption.watch_reader()
        interruption.watch_controller(os.environ.get(VARIABLE, ""))
        with interruption.signals():
            try:
                yield
            finally:
                if interruption.reason:
                    self.log(f"The run was interrupted ({interruption.reason}).")
                    with contextlib.suppress(OSError):
                        os.unlink(os.environ.get("CORTEXCLOUD_PROGRESS_FILE", ""))
                    if self._tmpdir and not getattr(self, "_keep_remote_files", False):
                        # It contains the module with its options, including the key.
                        shutil.rmtree(self._tmpdir, ignore_errors=True)

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        """Ansible writes the options to the system's log. It hides the secret options, but not secrets inside
        a dictionary.
        """
        # Called while the options are still being parsed.
        self.redactor.add(*secrets_in(self.params))
        redacted = {name: self.redactor.text(str(value)) for name, value in (log_args or {}).items()}
        super().log(self.redactor.text(str(msg)), redacted)

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**self._without_secrets(kwargs))

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        super().fail_json(**self._without_secrets({"msg": msg, **kwargs}))

    def _without_secrets(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        # For a secret of white space Ansible would mask every blank, even in the line that reports it.
        self.no_log_values = {value for value in self.no_log_values if str(value).strip()}
        # What an option asked to be returned in clear text.
        released = result.pop("released", {})
        # Ansible would add the options as given. If they are invalid, a secret may be under a misspelt name.
        invocation = {
            name: HIDDEN if value is not None and self.argument_spec[name].get("no_log") else value
            for name, value in (self.params.items() if self._options_valid else ())
        }
        cleaned = {name: self.redactor.value(value) for name, value in result.items()}
        # Ansible displays these; everything else is data and is returned exactly.
        cleaned.update({name: outgoing(cleaned[name]) for name in READ if name in cleaned})
        if isinstance(cleaned.get("msg"), str):
            cleaned["msg"] = one_line(cleaned["msg"])
        return {**cleaned, "invocation": {"module_args": self.redactor.value(invocation)}, **released}
