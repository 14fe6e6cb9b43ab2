# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of integration types (docs/api.md: instance.types).

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import _addresses as code
from .fields import CREDENTIALS

VCS, CI_TOOL, CI_CD, VENDOR, GENERIC = "vcs", "ci_tool", "ci_cd", "vendor", "generic"
# Category of the guide -> its stage of the software life cycle.
STAGES = {VCS: "code", CI_TOOL: "build", CI_CD: "build_deploy", VENDOR: "cross_stage", GENERIC: "cross_stage"}


@dataclasses.dataclass(frozen=True)
class Input:
    """A short input of the roles' entries.

    option: the option of a data source that it sets.
    help: its description.
    type: str or list.
    """

    option: str
    help: str
    type: str = "str"


# The keys of unique_properties are assumed from what the console asks for, since no public page names them
# (docs/api.md: create.properties).
INPUTS = {
    "hostname": Input("domain.hostname", "Host name of the server, with a port if needed."),
    "client_id": Input("credentials.client_id", "ID of the OAuth application, or of the key."),
    "client_secret": Input(
        "credentials.client_secret", "Secret of the OAuth application, or of the key. Used only at creation."
    ),
    "token": Input("credentials.token", "Access token. Used only at creation."),
    "username": Input("credentials.username", "User name."),
    "password": Input("credentials.password", "Password. Used only at creation."),
    "organization": Input("unique_properties.organization", "Organization in the product."),
    "organization_id": Input("unique_properties.organizationId", "ID of the organization in the product."),
    "run_stage": Input(
        "unique_properties.runStage", "When the run task runs, such as V(pre-plan) or V(post-plan)."
    ),
    "scan_types": Input(
        "unique_properties.scanTypes", "Kinds of findings to take in, such as V(SAST) and V(SCA).", "list"
    ),
    "region": Input("unique_properties.region", "Region of the product."),
    "package_managers": Input(
        "unique_properties.packageManagers", "Package managers that the registry serves.", "list"
    ),
}


# What the vendor's page on deletion lists for every type, and the default effect on findings (docs/api.md:
# delete.destroys).
_WITH_IT = (
    "its configuration, coverage, mapped repositories, webhooks, external projects and scans, and its "
    "repository, organization, collaborator and CI/CD assets"
)
DESTROYED = f"{_WITH_IT}; findings are closed and issues resolved"
# The API has no way to change credentials (docs/api.md: update.body).
_IN_CONSOLE = "edit the instance in the console and enter the new ones"


@dataclasses.dataclass(frozen=True)
class IntegrationType:
    """One integration type.

    category: a key of STAGES.
    variable: the role variable that lists such instances.
    inputs: which of INPUTS its entries take.
    hosting: "saas", "self_hosted", "both" or "none".
    person: the step that only a person can do, once the instance exists.
    created_by: how it is created, if not by the API.
    destroys: what is deleted along with an instance.
    rotation: how a person renews its credentials; the API cannot.
    consent: whether the tenant can only use it after somebody agreed in a browser.
    host: host of its repositories, unless the instance has one.
    product: decides the spelling of its repositories.
    """

    category: str
    variable: str = ""
    inputs: tuple[str, ...] = ()
    hosting: str = "saas"
    person: str = ""
    created_by: str = ""
    destroys: str = DESTROYED
    rotation: str = _IN_CONSOLE
    consent: bool = False
    host: str = ""
    product: str = ""

    @property
    def stage(self) -> str:
        return STAGES[self.category]

    @property
    def type_category(self) -> str:
        return "EXTERNAL_VENDOR_INTEGRATIONS" if self.category == VENDOR else "DEFAULT"

    @property
    def creation_options(self) -> tuple[str, ...]:
        """The options that a creation needs, according to the console."""
        return tuple(INPUTS[name].option for name in self.inputs)

    @property
    def credentials(self) -> tuple[str, ...]:
        """The creation options that the tenant never returns."""
        return tuple(option for option in self.creation_options if option in CREDENTIALS)


_CONSENT = "authorise the application in a browser: Cortex console, Data Sources, this instance"
_OAUTH = ("hostname", "client_id", "client_secret")
_PIPELINES = "add the scan step that the console shows to the pipelines"
# How credentials are renewed, if not only on the console's page of the instance.
_AGAIN = "authorise the application again in the console"
_NEW_KEY = "make a new API key in the console, put it into the pipelines, delete the old one"

TYPES: dict[str, IntegrationType] = {
    "GITHUB": IntegrationType(
        VCS,
        "vcs_github",
        rotation=_AGAIN,
        consent=True,
        host="github.com",
        product=code.GITHUB,
        person=f"install the GitHub App and {_CONSENT} (as organization owner)",
    ),
    "GITHUB_ENTERPRISE": IntegrationType(
        VCS,
        "vcs_github_enterprise",
        _OAUTH,
        "self_hosted",
        person=_CONSENT,
        rotation=f"{_IN_CONSOLE}, then {_AGAIN}",
        consent=True,
        product=code.GITHUB,
    ),
    "GITLAB": IntegrationType(
        VCS,
        "vcs_gitlab",
        person=f"{_CONSENT} (scope api, Maintainer)",
        rotation=_AGAIN,
        consent=True,
        host="gitlab.com",
        product=code.GITLAB,
    ),
    "GITLAB_SELF_MANAGED": IntegrationType(
        VCS,
        "vcs_gitlab_self_managed",
        _OAUTH,
        "self_hosted",
        person=f"register the callback URL in GitLab, then {_CONSENT} (if it asks)",
        rotation=f"{_IN_CONSOLE}, then {_AGAIN} (if it asks)",
        consent=True,
        product=code.GITLAB,
    ),
    "BITBUCKET": IntegrationType(
        VCS,
        "vcs_bitbucket",
        person=_CONSENT,
        rotation=_AGAIN,
        consent=True,
        host="bitbucket.org",
        product=code.BITBUCKET,
    ),
    "BITBUCKET_DATACENTER": IntegrationType(
        VCS, "vcs_bitbucket_datacenter", ("hostname", "token"), "self_hosted", product=code.BITBUCKET_DC
    ),
    "AZURE_REPOS": IntegrationType(
        VCS,
        "vcs_azure_repos",
        ("token",),
        person=f"{_CONSENT} (not with a personal access token)",
        rotation=f"{_AGAIN}; with a personal access token: {_IN_CONSOLE}",
        consent=True,
        host="dev.azure.com",
        product=code.AZURE,
    ),
    "AWS_CODE_COMMIT": IntegrationType(
        VCS,
        "vcs_aws_code_commit",
        created_by="deploying the CloudFormation template that the console generates",
        rotation="there is no secret: the role is that of the CloudFormation stack",
        product=code.CODE_COMMIT,
    ),
    "GITHUB_ACTIONS": IntegrationType(
        CI_TOOL,
        "ci_github_actions",
        person="paste the workflow that the console shows, with its API key as a secret",
        rotation=_NEW_KEY,
    ),
    "JENKINS": IntegrationType(
        CI_TOOL, "ci_jenkins", hosting="self_hosted", person=_PIPELINES, rotation=_NEW_KEY
    ),
    "JENKINS_SERVER": IntegrationType(
        CI_TOOL,
        "ci_jenkins_server",
        hosting="self_hosted",
        person="install the plugin in Jenkins and enter the token that the console shows",
        rotation="take a new token from the console and enter it in the plugin",
    ),
    "CIRCLE_CI": IntegrationType(CI_CD, "ci_circle_ci", person=_PIPELINES, rotation=_NEW_KEY),
    "CIRCLE_CI_CD": IntegrationType(CI_CD, "ci_circle_ci_cd", ("token",)),
    "AWS_CODE_BUILD": IntegrationType(
        CI_CD,
        "ci_aws_code_build",
        person="paste the buildspec that the console shows, with its API key in Secrets Manager",
        rotation=_NEW_KEY,
    ),
    "HCP_TFC_RUN_TASKS": IntegrationType(CI_CD, "ci_hcp_terraform", ("token", "organization", "run_stage")),
    "HCP_TFE_RUN_TASKS": IntegrationType(
        CI_CD, "ci_terraform_enterprise", ("hostname", "token", "organization", "run_stage"), "self_hosted"
    ),
    "SEMGREP": IntegrationType(
        VENDOR,
        "scanners_semgrep",
        ("token", "scan_types"),
        destroys=f"{_WITH_IT}; its findings are removed, issues that it shares with other sources keep those",
    ),
    "SONARQUBE": IntegrationType(
        VENDOR,
        "scanners_sonarqube",
        ("hostname", "token", "organization"),
        "both",
        destroys=f"{_WITH_IT}; its findings are purged",
    ),
    "VERACODE": IntegrationType(VENDOR, "scanners_veracode", ("client_id", "client_secret", "region")),
    "SNYK": IntegrationType(
        VENDOR,
        "scanners_snyk",
        ("hostname", "token", "organization_id", "scan_types"),
        destroys=f"{_WITH_IT}; its findings and issues stay open, and nothing updates them any more",
    ),
    "JFROG": IntegrationType(
        VENDOR, "scanners_jfrog", ("hostname", "username", "password", "package_managers"), "both"
    ),
    "COLLECTOR": IntegrationType(
        GENERIC,
        hosting="none",
        destroys=f"{_WITH_IT}; its credentials become invalid, so that uploads with them fail",
        rotation="edit the collector in the console, which shows the new token once",
    ),
    "CORTEX_CLI": IntegrationType(
        GENERIC,
        hosting="none",
        created_by="the Cortex CLI, which registers itself",
        rotation="it has none of its own: renew the API key that the CLI uses",
    ),
}


def is_word(kind: str) -> bool:
    """Whether it has the form of a type's name, known or not: capitals, digits and underscores."""
    return kind == kind.upper() and kind.replace("_", "").isalnum()


def known(name: object) -> IntegrationType | None:
    """The type with this name, in upper or lower case; None if it is not in the table."""
    return TYPES.get(str(name or "").upper())


# Role variable -> type.
VARIABLES = {kind.variable: name for name, kind in TYPES.items() if kind.variable}


def repository_key(kind: t.Any) -> t.Callable[[str], str]:
    """A function that gives two repository names the same key if the type's product does not distinguish
    them, by case or by Unicode form.
    """
    integration = known(kind)
    return code.path_key if integration and integration.product not in ("", code.CODE_COMMIT) else str
