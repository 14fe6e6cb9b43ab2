# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration types that the guide names, grouped as the tenant's rules need them, and the values of the two list filters."""
from __future__ import annotations

VCS = frozenset({
    "GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET", "BITBUCKET_DATACENTER", "AZURE_REPOS", "AWS_CODE_COMMIT",
})
CI = frozenset({
    "GITHUB_ACTIONS", "JENKINS", "JENKINS_SERVER", "CIRCLE_CI", "CIRCLE_CI_CD", "AWS_CODE_BUILD", "HCP_TFC_RUN_TASKS", "HCP_TFE_RUN_TASKS",
})
EXTERNAL = frozenset({"SEMGREP", "SONARQUBE", "VERACODE", "SNYK", "JFROG"})
KNOWN = VCS | CI | EXTERNAL | {"COLLECTOR", "CORTEX_CLI"}
SELF_REGISTERING = frozenset({"AWS_CODE_COMMIT", "CORTEX_CLI"})
# A person authorises these in a browser. AZURE_REPOS can also use a token, so it counts only without one.
BROWSER = frozenset({"GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET"})

# Values of the published `type` filter: lower case with hyphens. One is spelt differently.
FILTER = {kind: "sonar-qube" if kind == "SONARQUBE" else kind.lower().replace("_", "-") for kind in KNOWN}
BY_WORD = {word: kind for kind, word in FILTER.items()}
# Published values of the `type_category` filter with their types. The schemas do not say where a collector belongs: here, nowhere.
CATEGORIES = {
    "external-vendor-integrations": EXTERNAL, "vcs-integrations": VCS, "ci-cd-scanning-integrations": CI,
    "cli-integrations": frozenset({"CORTEX_CLI"}),
}


def category(integration_type: str) -> str:
    """The category of a type. One that is not in the guide counts as a vendor's: the only one known to exist is Checkmarx."""
    return "DEFAULT" if integration_type in KNOWN - EXTERNAL else "EXTERNAL_VENDOR_INTEGRATIONS"


def in_category(integration_type: str, word: str) -> bool:
    """Whether a type matches a value of the `type_category` filter, a published one or the guide's."""
    return integration_type in CATEGORIES[word] if word in CATEGORIES else category(integration_type) == word
