# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, THE table of integration types (contract 4).
from __future__ import annotations

import dataclasses

VCS, CI_TOOL, CI_CD, VENDOR, GENERIC = "vcs", "ci_tool", "ci_cd", "vendor", "generic"
# Category of the guide -> the stage of the software life cycle it belongs to.
STAGES = {VCS: "code", CI_TOOL: "build", CI_CD: "build_deploy", VENDOR: "cross_stage", GENERIC: "cross_stage"}


@dataclasses.dataclass(frozen=True)
class IntegrationType:
    """One integration type.

    category: a key of STAGES. hosting: "saas", "self_hosted", "both" or "none".
    takes: options that its creation wants, as far as the console tells. person: what only a person can do, once the instance
    exists. created_by: when the API cannot create it, what does.
    """

    category: str
    hosting: str = "saas"
    takes: tuple[str, ...] = ("name",)
    person: str = ""
    created_by: str = ""

    @property
    def stage(self) -> str:
        return STAGES[self.category]

    @property
    def consent(self) -> bool:
        """Whether the tenant can use it only after somebody agreed in a browser."""
        return "browser" in self.person

    @property
    def type_category(self) -> str:
        return "EXTERNAL_VENDOR_INTEGRATIONS" if self.category == VENDOR else "DEFAULT"


_CONSENT = "authorise the application in a browser: Cortex console, Data Sources, this instance"
_OAUTH_APP = ("name", "domain.hostname", "credentials.client_id", "credentials.client_secret")

TYPES: dict[str, IntegrationType] = {
    "GITHUB": IntegrationType(VCS, person=f"install the GitHub App and {_CONSENT} (as organization owner)"),
    "GITHUB_ENTERPRISE": IntegrationType(VCS, "self_hosted", _OAUTH_APP, person=_CONSENT),
    "GITLAB": IntegrationType(VCS, person=f"{_CONSENT} (scope api, Maintainer)"),
    "GITLAB_SELF_MANAGED": IntegrationType(
        VCS, "self_hosted", _OAUTH_APP, person=f"register the callback URL in GitLab, then {_CONSENT} (if it still asks)"
    ),
    "BITBUCKET": IntegrationType(VCS, person=_CONSENT),
    "BITBUCKET_DATACENTER": IntegrationType(VCS, "self_hosted", ("name", "domain.hostname", "credentials.token")),
    "AZURE_REPOS": IntegrationType(VCS, takes=("name", "credentials.token"), person=f"{_CONSENT} (not with a personal access token)"),
    "AWS_CODE_COMMIT": IntegrationType(VCS, takes=(), created_by="deploying the CloudFormation template that the console generates"),
    "GITHUB_ACTIONS": IntegrationType(CI_TOOL, person="paste the workflow that the console shows, with its API key as a secret"),
    "JENKINS": IntegrationType(CI_TOOL, "self_hosted", person="add the scan step that the console shows to the pipelines"),
    "JENKINS_SERVER": IntegrationType(
        CI_TOOL, "self_hosted", person="install the plugin in Jenkins and enter the token that the console shows"
    ),
    "CIRCLE_CI": IntegrationType(CI_CD, person="add the scan step that the console shows to the pipelines"),
    "CIRCLE_CI_CD": IntegrationType(CI_CD, takes=("name", "credentials.token")),
    "AWS_CODE_BUILD": IntegrationType(CI_CD, person="paste the buildspec that the console shows, with its API key in Secrets Manager"),
    "HCP_TFC_RUN_TASKS": IntegrationType(CI_CD, takes=("name", "credentials.token", "unique_properties")),
    "HCP_TFE_RUN_TASKS": IntegrationType(CI_CD, "self_hosted", ("name", "domain.hostname", "credentials.token", "unique_properties")),
    "SEMGREP": IntegrationType(VENDOR, takes=("name", "credentials.token", "unique_properties")),
    "SONARQUBE": IntegrationType(VENDOR, "both", ("name", "domain.hostname", "credentials.token", "unique_properties")),
    "VERACODE": IntegrationType(VENDOR, takes=("name", "credentials.client_id", "credentials.client_secret", "unique_properties")),
    "SNYK": IntegrationType(VENDOR, takes=("name", "domain.hostname", "credentials.token", "unique_properties")),
    "JFROG": IntegrationType(
        VENDOR, "both", ("name", "domain.hostname", "credentials.username", "credentials.password", "unique_properties")
    ),
    "COLLECTOR": IntegrationType(GENERIC, "none", ("name", "unique_properties")),
    "CORTEX_CLI": IntegrationType(GENERIC, "none", (), created_by="the Cortex CLI, which registers itself"),
}
