# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link to Ansible: connection options, failures turned into results, redaction of results.

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
from ._texts import misread, split_lists
from ._version import VERSION

# The members of a result that are text for humans.
READ = ("msg", "diff", "hints", "api_error", "pending_actions", "exception")
# Minimum seconds between two updates of the progress file.
PROGRESS_SECONDS = 0.5

_YES = ("1", "true", "yes", "on", "y", "t")


def environment(*names: str) -> str:
    """Argument-spec fallback: the first of these environment variables that is not empty. A controller
    exports "" for an empty field.
    """
    for name in names:
        if os.environ.get(name, "").strip():
            return os.environ[name]
    raise AnsibleFallbackNotFound


def environment_inverted(name: str) -> bool:
    """Argument-spec fallback for a variable that means the opposite of the option; only a clear yes
    counts.
    """
    return environment(name).strip().lower() not in _YES


CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "api_url": {"type": "str", "fallback": (environment, ["CORTEXCLOUD_API_URL"])},
    "api_key_id": {"type": "str", "no_log": False, "fallback": (environment, ["CORTEXCLOUD_API_KEY_ID"])},
    "api_key": {"type": "str", "no_log": True, "fallback": (environment, ["CORTEXCLOUD_API_KEY"])},
    "api_key_type": {
        "type": "str",
        "choices": ["standard", "advanced"],
        "default": "advanced",
        "no_log": False,
        "fallback": (environment, ["CORTEXCLOUD_API_KEY_TYPE"]),
    },
    "validate_certs": {
        "type": "bool",
        "default": True,
        "fallback": (environment_inverted, ["CORTEXCLOUD_SKIP_SSL_VERIFY"]),
    },
    "ca_path": {"type": "path", "fallback": (environment, ["CORTEXCLOUD_CA_PATH", "REQUESTS_CA_BUNDLE"])},
    "expected_tenant": {"type": "str", "fallback": (environment, ["CORTEXCLOUD_EXPECTED_TENANT"])},
    "request_timeout": {
        "type": "float",
        "default": 30.0,
        "fallback": (environment, ["CORTEXCLOUD_REQUEST_TIMEOUT"]),
    },
    "retry_deadline": {
        "type": "float",
        "default": 120.0,
        "fallback": (environment, ["CORTEXCLOUD_RETRY_DEADLINE"]),
    },
    "requests_per_second": {
        "type": "float",
        "default": 8.0,
        "fallback": (environment, ["CORTEXCLOUD_REQUESTS_PER_SECOND"]),
    },
    "rate_limit_dir": {"type": "path", "fallback": (environment, ["CORTEXCLOUD_RATE_LIMIT_DIR"])},
    "rate_limit_url": {
        "type": "str",
        "no_log": True,
        "fallback": (environment, ["CORTEXCLOUD_RATE_LIMIT_URL"]),
    },
    "state_dir": {"type": "path", "fallback": (environment, ["CORTEXCLOUD_STATE_DIR"])},
    "trace_file": {"type": "path", "fallback": (environment, ["CORTEXCLOUD_TRACE_FILE"])},
    "trace_names": {
        "type": "str",
        "choices": ["hide", "keep"],
        "default": "hide",
        "fallback": (environment, ["CORTEXCLOUD_TRACE_NAMES"]),
    },
}


class CortexModule(AnsibleModule):
    """An AnsibleModule with the connection options. No result contains a secret, neither those sent nor those
    received.
    """

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
        """The tenant of these options. Raises InputError for invalid options; the key is only checked when it
        is needed.
        """
        if REQUESTS_ERROR:
            self.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_ERROR)
        options = {name: self.params[name] for name in CONNECTION_SPEC if self.params[name] is not None}
        agent = f"cortex_cloud.appsec/{VERSION} ansible-core/{self.ansible_version}"
        api = Api(Client(Connection(**options, user_agent=agent), self.redactor))
        tell = self.progress(api)
        api.client.on_read = lambda read, total: tell({"read": read, "total": total})
        return api

    def progress(self, api: Api) -> t.Callable[[dict[str, int]], None]:
        """Returns a function that writes the counts of a run to the file that the action plugin shows;
        without such a file it does nothing. Call it from one thread at a time.
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
        """Call work and end the module with its result; `failed` in it, or a CortexError, makes the module
        fail.
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
        """Listen for all signs of an interruption. After one, remove the module's temporary files, since the
        controller may be gone.
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
                        # Contains the module with its options, including the key.
                        shutil.rmtree(self._tmpdir, ignore_errors=True)

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        """Ansible writes the options to the system's log; it knows the secret options, but not the secrets
        inside a dict.
        """
        # Called while the options are still being parsed.
        self.redactor.add(*secrets_in(self.params))
        super().log(
            self.redactor.text(str(msg)), {k: self.redactor.text(str(v)) for k, v in (log_args or {}).items()}
        )

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**self._without_secrets(kwargs))

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        super().fail_json(**self._without_secrets({"msg": msg, **kwargs}))

    def _without_secrets(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        # For a secret of white space Ansible would mask every blank, even in the line that reports it.
        self.no_log_values = {value for value in self.no_log_values if str(value).strip()}
        # What an option asked to be returned in clear text.
        released = result.pop("released", {})
        # Ansible would add the options as given. When they were refused, a secret may be under a misspelt
        # name.
        given = dict(self.params) if self._options_valid else {}
        invocation = {
            name: HIDDEN if value is not None and self.argument_spec[name].get("no_log") else value
            for name, value in given.items()
        }
        cleaned = {name: self.redactor.value(value) for name, value in result.items()}
        # What Ansible displays by itself; everything else is data and is returned exactly.
        cleaned.update({name: outgoing(cleaned[name]) for name in READ if name in cleaned})
        if isinstance(cleaned.get("msg"), str):
            cleaned["msg"] = one_line(cleaned["msg"])
        return {**cleaned, "invocation": {"module_args": self.redactor.value(invocation)}, **released}
