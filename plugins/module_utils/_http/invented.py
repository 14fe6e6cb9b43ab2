# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces anything that may be a name by an invented one, always the same for the same name.

Private to the collection, floor 1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t
from urllib.parse import unquote, urlsplit

from .redaction import HIDDEN

# Only the words in these lists are kept: a list of names could never be complete.
_PATHS = """
    public_api appsec v1 data_source_instances integrations collectors repositories healthcheck
"""
PATHS = frozenset(_PATHS.split())
_KEYS = """
    id type typeCategory uniqueIdentifier domain hostname protocol instanceVersion scanTypes selectionType
    state status statusDetails selfSignedCertificate transporter brokerDeviceId connectionName tenantId
    creationDate lastUpdateDate createdAt updatedAt repositoriesCount name displayName uniqueProperties
    externalProjects branchName externalBranchName externalId externalProjectId repoId detectionMethod
    fileType apiUrl credentials webhookAuthKey webhookAuthKeyId tokenId apiToken token_id api_token data
    reply repositories err_code err_msg err_extra errorCode message details error msg loc isEnabled
    timestamp connection clone owner source defaultBranch url fullRepositoryName scannedBranches isPrimary
    isSelected isArchived integrationId requestBody limit offset search type_category repository_id
    repository_url branch organizationId more version runs tool driver extensions rules results ruleId level
    text locations physicalLocation artifactLocation uri region startLine
"""
KEYS = frozenset(_KEYS.split())
_WORDS = """
    GITHUB GITHUB_ENTERPRISE GITHUB_ACTIONS GITLAB GITLAB_SELF_MANAGED BITBUCKET BITBUCKET_DATACENTER
    AZURE_REPOS AWS_CODE_COMMIT AWS_CODE_BUILD CIRCLE_CI CIRCLE_CI_CD JENKINS JENKINS_SERVER
    HCP_TFC_RUN_TASKS HCP_TFE_RUN_TASKS SEMGREP SONARQUBE VERACODE SNYK JFROG COLLECTOR CORTEX_CLI CHECKMARX
    DEFAULT EXTERNAL_VENDOR_INTEGRATIONS COMPLETED CONNECTED DESTROYING DISABLED ERROR PENDING TEMPORARY
    TRANSPORTER_CONNECTION_DISABLED WARNING IN_PROGRESS VALID INVALID CURRENT_STATE CURRENT_STATE_AND_FUTURE
    CURRENT_STATE_PENDING MANUAL_SELECTION SAST SCA IAC SECRETS SARIF OAUTH PAT INGESTED PARTIALLY_VALID
    ACCEPTED INGESTED_FAILED available https http true false null ValidateError VALIDATION_ERROR CONFLICT
    FORBIDDEN BAD_REQUEST NOT_FOUND UNAUTHORIZED PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE COLLECTOR_DISABLED
    INTERNAL_SERVER_ERROR TOO_MANY_REQUESTS external-vendor-integrations vcs-integrations
    ci-cd-scanning-integrations cli-integrations sonar-qube
"""
WORDS = frozenset(_WORDS.split())
# Words of the tenant's messages and of Python's network errors.
_ENGLISH = """
    a about above absent accept acceptable accepted access account action actions active add after again all
    allowed already also an and another answer any api application are argument array as at authentication
    authorization available bad be because been before begin begins between body both broke broken but by
    bytes call called can cannot case certificate change changed check client clone closed code collector
    collectors complete conflict connect connection contain contains content could create created
    credentials data date deadline default delete deleted denied details did different disabled document
    does domain duplicate each edit either empty enabled end ended ends error errors exactly exceeded exist
    existing exists expected expired extra failed failure field fields file findings finished first for
    forbidden format found from gateway given granted had has have header host http https id identifier if
    in ingested instance instances integration integrations internal invalid is it item items its json key
    keys known large larger least less level licence license limit line list location locations long lower
    many match maximum may media message method minimum missing more most must name named names need needs
    never no none not nothing null object of on one only operation or other out page parameter parameters
    path pending permission permissions platform please previous properties property protocol public query
    read received refused reject rejected remote repository repositories request requests required resource
    response result results retry role root rule rules sarif second seconds see selected selection send sent
    server service should since size some source source_instances start state status string such supported
    syntax system take taken temporarily tenant text than that the their them then there these they this
    time timed timeout to token too tool try type types unable unauthorized unavailable unexpected unique
    unknown unsupported until update updated upload uploads upper url use used user valid validate
    validation value values version was were what when where whether which while will with within without
    word words write wrong yet you your aborted address adapter cut decode errno eof established handshake
    length made newconnection port proxy refused reset resolve route ssl tls unreachable verify
"""
ENGLISH = frozenset(_ENGLISH.split())
_ID = re.compile(r"(?:^id|Id|_id|ID)$")
_CAMEL = re.compile(r"[a-z]{1,24}(?:[A-Z][a-z]{1,24}){0,5}")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_VERSION = re.compile(r"\d{1,4}(?:\.\d{1,4}){0,3}")
_SMALL = re.compile(r"\d{1,3}")
_TOKEN = re.compile(r"[^\s\"'`,;:()\[\]{}<>!?=]+")
# Members whose own members may have any names.
_FREE = ("uniqueProperties", "statusDetails", "scanTypes", "credentials")
_MESSAGES = ("message", "err_msg", "error", "msg", "err_extra", "detail")


class Invented:
    """secret: not known to readers of a trace. With the same secret, every process and run invents the same
    names.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(f"names in a trace {secret}".encode()).digest()

    def name(self, text: str, kind: str = "name") -> str:
        return f"{kind}-{hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:10]}"

    def url(self, url: str) -> str:
        """A URL with its scheme and the paths of the API; everything else is invented."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.name(url, "url")
        known = parts.scheme if parts.scheme in ("http", "https", "ssh") else "scheme"
        return f"{known}://{self.name(parts.netloc, 'host')}.example{self._path(parts.path)}"

    def _path(self, path: str) -> str:
        return "/".join(
            one if one in PATHS or not one else self.name(unquote(one), "id") for one in path.split("/")
        )

    def value(self, value: t.Any, key: str = "", *, free: bool = False, message: bool = False) -> t.Any:
        """A copy of a JSON-like value.

        key: the name of the member with this value.
        free: whether its own members may have any names.
        message: whether its texts are messages.
        """
        if isinstance(value, dict):
            message = message or key == "details"
            return {
                self._member(str(name), free or message): self.value(
                    one, str(name), free=str(name) in _FREE, message=message
                )
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [self.value(one, key, free=free, message=message) for one in value]
        if isinstance(value, str):
            return self.words(value) if message or key in _MESSAGES else self._text(value, key)
        if isinstance(value, int) and not isinstance(value, bool) and _ID.search(key):
            return int(self.name(str(value))[5:13], 16)
        return value

    def _member(self, name: str, free: bool) -> str:
        parts = name.split(".")
        if all(part in KEYS or part in WORDS or (not free and _CAMEL.fullmatch(part)) for part in parts):
            return name
        return self.name(name, "member")

    def _text(self, text: str, key: str) -> str:
        words = {text, text.upper().replace("-", "_")}
        if text in ("", HIDDEN) or words & WORDS or _DATE.fullmatch(text):
            return text
        if key in ("instanceVersion", "version") and _VERSION.fullmatch(text):
            return text
        if key in ("errorCode", "limit", "offset") and _SMALL.fullmatch(text):
            return text
        if "://" in text:
            return self.url(text)
        if _ID.search(key):
            return self.name(text, "id")
        if key == "hostname":
            return f"{self.name(text, 'host')}.example"
        return "/".join(self.name(one) if one else "" for one in text.split("/"))

    def words(self, text: str) -> str:
        """A message: known words are kept, all others are invented."""
        return _TOKEN.sub(lambda match: self._word(match[0]), text)

    def _word(self, token: str) -> str:
        core = token.rstrip(".")
        if core == HIDDEN or core in WORDS or core.lower() in ENGLISH or _SMALL.fullmatch(core):
            return token
        if not any(map(str.isalnum, core)):
            return token
        if all(part in KEYS or part in ("", "$") for part in core.split(".")):
            return token
        return self.name(core, "word") + token[len(core) :]
