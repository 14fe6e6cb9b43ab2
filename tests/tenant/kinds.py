# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration types the guide names, in the groups the tenant's rules need, and the words of the two list filters."""
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
# A person finishes these in a browser. AZURE_REPOS has a token route as well, so it counts only without a token.
BROWSER = frozenset({"GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET"})

# The words of the published `type` filter: lower case with hyphens, one of them spelt in another way.
FILTER = {kind: "sonar-qube" if kind == "SONARQUBE" else kind.lower().replace("_", "-") for kind in KNOWN}
BY_WORD = {word: kind for kind, word in FILTER.items()}
# type_category: the published words, and which types each stands for. The schemas do not say where a collector belongs: here, to none.
CATEGORIES = {
    "external-vendor-integrations": EXTERNAL, "vcs-integrations": VCS, "ci-cd-scanning-integrations": CI,
    "cli-integrations": frozenset({"CORTEX_CLI"}),
}
GUIDE_CATEGORIES = ("DEFAULT", "EXTERNAL_VENDOR_INTEGRATIONS")


def category(integration_type: str) -> str:
    """The category of a type. A type outside the guide is taken for a vendor's: Checkmarx is the one known to exist."""
    return "DEFAULT" if integration_type in KNOWN - EXTERNAL else "EXTERNAL_VENDOR_INTEGRATIONS"


def in_category(integration_type: str, word: str) -> bool:
    """Whether a type belongs to a word of the `type_category` filter, a published one or the guide's."""
    return integration_type in CATEGORIES[word] if word in CATEGORIES else category(integration_type) == word
