# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration types the guide names (contract section 4), in the groups the tenant's rules need."""
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


def category(integration_type: str) -> str:
    """The `type_category` of a type. A type outside the guide is taken for a vendor: Checkmarx is the one known to exist (contract 3.1)."""
    return "DEFAULT" if integration_type in KNOWN - EXTERNAL else "EXTERNAL_VENDOR_INTEGRATIONS"
