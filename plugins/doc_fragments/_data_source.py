# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: the options of one data source, for the module data_source and for each item of data_sources.
from __future__ import annotations

import textwrap

_OPTIONS = r"""
state:
  description:
    - V(present) makes the data source as described, and creates it when it is missing.
    - V(created) creates it when it is missing and never touches it afterwards.
    - V(absent) deletes it, with its findings, mappings and webhooks. This cannot be undone.
  type: str
  choices: [present, created, absent]
  default: present
id:
  description:
    - The tenant's ID of an existing data source. It never creates one.
    - Needed only where nothing else tells instances apart.
  type: str
identifier:
  description:
    - What the tenant tells the instance apart by (C(uniqueIdentifier)), as exports show it. For V(COLLECTOR) it is the name; for other
      types it is a word of the vendor's, such as an organization.
    - Given, it decides alone, together with O(%(here)stype). An instance that shows another one is another instance; where instances show
      none, the item is undetermined.
    - Beside O(%(here)sid) it must be the one that the instance shows.
    - Beside the identifier of a V(COLLECTOR), another O(%(here)sname) renames it.
  type: str
type:
  description:
    - The integration type, such as V(GITHUB_ENTERPRISE), V(GITLAB_SELF_MANAGED), V(JENKINS_SERVER), V(SNYK) or V(COLLECTOR).
    - The 23 types of the vendor's guide are known; another upper-case word is sent as it is, with a warning.
    - Together with O(%(here)sidentifier), or with O(%(here)sname) and O(%(here)sdomain.hostname), where given, it tells which instance
      is meant.
  type: str
name:
  description:
    - The name of the instance. It is sent at creation (C(uniqueProperties.name)); later only a V(COLLECTOR) can be renamed.
    - Tenants show an identifier instead, which for V(COLLECTOR) is the name. For other types a name that equals the identifier proves that
      this is the instance; a name that does not equal it proves nothing. Then a host that belongs to one instance alone decides
      (C(identified_by) in the result); without one the item is undetermined, and no second instance is made.
    - An instance that was found by its host, with another word as its identifier, is adopted and scoped, but never deleted or recreated.
  type: str
domain:
  description:
    - The server of a self-hosted or regional product. Cannot be changed later.
  type: dict
  suboptions:
    hostname:
      description: Host name, with a port if needed.
      type: str
    protocol:
      description: How the platform talks to it.
      type: str
      choices: [https, http]
credentials:
  description:
    - How the platform signs in to the product. Sent only at creation, since the API can neither show nor change them.
    - For an existing instance they are not used; rotate them in the console.
    - A creation is refused when one of them was given empty or blank, or when they hold no secret and the type takes one. So is a blank
      certificate, and a blank value under a secret-looking key of the settings.
  type: dict
  suboptions:
    type:
      description: The kind of credentials, an open list of the vendor; V(OAUTH) is the only one confirmed.
      type: str
    token:
      description: Access token.
      type: str
    refresh_token:
      description: OAuth refresh token.
      type: str
    client_id:
      description: OAuth application ID.
      type: str
    client_secret:
      description: OAuth application secret.
      type: str
    username:
      description: User name.
      type: str
    password:
      description: Password.
      type: str
    webhook_auth_key_id:
      description: ID of the key that authenticates webhooks.
      type: str
    webhook_auth_key:
      description: Key that authenticates webhooks.
      type: str
unique_properties:
  description:
    - Settings of the type, passed through as they are. Tenants show none of them, but for C(detectionMethod) and C(fileType) of a
      V(COLLECTOR); what is not shown is sent at creation and not compared (C(not_compared) in the result names it).
    - Where an older tenant shows them, only the keys given are compared, and keys that the tenant holds are kept.
    - Values under secret-looking keys are never shown, and a masked value is never sent back.
    - A V(COLLECTOR) is created with C(detectionMethod=SAST) and C(fileType=SARIF) unless they are given here.
  type: dict
update_unique_properties:
  description:
    - What to do with O(%(here)sunique_properties) that the tenant does not show. V(on_create) sends them at creation alone.
    - V(always) sends them in every run, which then reports a change each time.
  type: str
  choices: [on_create, always]
  default: on_create
uncreatable:
  description:
    - What it means when the tenant's API does not create this O(%(here)stype), so that it has to be connected in the console. The published
      schema of the API creates V(COLLECTOR) alone, the vendor's guide every type.
    - V(pending) is no failure. The item's action is C(pending) and a pending action says what to do; a later run scopes what was connected.
      V(fail) fails the item. An unknown type always fails.
  type: str
  choices: [pending, fail]
  default: pending
transporter:
  description:
    - The broker through which a private server is reached. Cannot be changed later.
  type: dict
  suboptions:
    broker_device_id:
      description: Device ID of the broker VM. The API wants both members.
      type: str
    connection_name:
      description: Name of the transporter connection.
      type: str
self_signed_certificate:
  description:
    - Certificate of a self-hosted server, as PEM text. Cannot be changed later. Line ends do not matter when it is compared.
  type: str
selection_type:
  description:
    - V(MANUAL_SELECTION) covers the O(%(here)srepositories) that are listed, V(CURRENT_STATE) all that exist now,
      V(CURRENT_STATE_AND_FUTURE) also those to come. Another word is sent as it is, with a warning.
    - If not given, it stays as it is.
  type: str
repositories:
  description:
    - Identifiers of the selected repositories, as the platform spells them (for GitLab C(group/project)). Compared as a set.
    - Needs V(MANUAL_SELECTION), given or already there. O(%(here)srepositories_mode) tells what the list means.
    - Not given leaves the selection alone. An empty list selects none with V(exact), subject to O(%(here)smax_deselect), and
      changes nothing with the other modes.
  type: list
  elements: str
repositories_mode:
  description:
    - V(merge) adds the listed repositories, V(exact) makes the selection equal to the list, V(remove) takes them out.
  type: str
  choices: [merge, exact, remove]
  default: merge
scope_rules:
  description:
    - Which of O(%(here)sscope_candidates) and of the repositories selected now to include, instead of a list in O(%(here)srepositories).
      For each repository the last rule that matches it decides; one that no rule matches is not included.
    - In a pattern C(*) stands for any text within one segment of the path, C(**) also across segments. Case matters.
    - With O(%(here)srepositories_mode=merge) the included ones are added and nothing is removed; with O(%(here)srepositories_mode=exact)
      the selection becomes the included ones, subject to O(%(here)smax_deselect). V(remove) is refused.
    - Needs V(MANUAL_SELECTION), as O(%(here)srepositories) does, and O(%(here)sscope_candidates).
  type: list
  elements: dict
  suboptions:
    include:
      description: Pattern of repositories to include, such as V(platform/*).
      type: str
    exclude:
      description: Pattern of repositories not to include, such as V(**/archive).
      type: str
scope_candidates:
  description:
    - The repositories that there are, for O(%(here)sscope_rules), as a list or as the path of a file on the host that runs the module. The
      tenant's own list of repositories is not whole and is not used.
    - A file with the extension C(.json), C(.yml) or C(.yaml) holds a list, one with C(.csv) a table, any other one repository on each
      line (C(#) begins a comment). In a table, or in a list of objects, the column is C(repository), C(full_name), C(path_with_namespace),
      C(nameWithOwner), C(url) or C(name); of a table without any of them it is the first column.
  type: raw
external_projects:
  description:
    - Mappings from a vendor's project or branch to a repository or branch of the platform.
    - A mapping is identified by its project and O(%(here)sexternal_projects[].external_branch_name). The project is
      O(%(here)sexternal_projects[].external_project_id), else O(%(here)sexternal_projects[].external_id).
    - Tenants do not show them. What was applied last is remembered in C(state_dir), and every mode goes on from there as long as nobody
      changes the instance. Where nothing is remembered, only O(%(here)sexternal_projects_mode=exact) works for an existing instance; it may
      replace mappings that nobody sees, so that O(%(here)smax_deselect) must be V(-1).
  type: list
  elements: dict
  suboptions:
    external_project_id:
      description: The vendor's ID of the project.
      type: str
    external_id:
      description: The vendor's own ID of what is mapped. The tenant requires it.
      type: str
    external_branch_name:
      description: The vendor's name of the branch.
      type: str
    repo_id:
      description: The platform's ID of the repository.
      type: str
    branch_name:
      description: The platform's name of the branch.
      type: str
external_projects_mode:
  description:
    - V(merge) adds or changes the listed mappings, V(exact) makes the mappings equal to the list, V(remove) takes out those that
      agree with an entry in every field it gives.
  type: str
  choices: [merge, exact, remove]
  default: merge
external_projects_update:
  description:
    - V(always) brings the mappings to what is given. V(on_create) sends them for a new instance alone.
  type: str
  choices: [always, on_create]
  default: always
max_deselect:
  description:
    - A change that would deselect more repositories or mappings than this, or the last one, or that narrows
      O(%(here)sselection_type), is refused with the numbers. V(-1) allows all.
    - A selection type that the tenant does not show, or in a word that is not known, counts as the widest.
    - What a tenant has selected by itself in an instance whose creation is still without its scope is no such change.
  type: int
  default: 10
recreate:
  description:
    - The type, domain, transporter and certificate of an instance cannot be updated. V(never) refuses a known difference.
    - V(when_immutable_differs) deletes the instance, with its findings, mappings and webhooks, and creates it again with the same scope and
      mappings. It is refused for types that need a person or a stack, without O(%(here)scredentials) where the type has some, and where
      it is not known whether the tenant can create the type again.
    - A field that the tenant does not show is unknown, never different.
  type: str
  choices: [never, when_immutable_differs]
  default: never
backup_dir:
  description:
    - Folder on the host that runs the module to which an instance is written before it is deleted or recreated, or before anything
      is deselected in it. The file has the shape of a data file for the playbook C(cortex_cloud.appsec.onboard), without secrets.
  type: path
wait:
  description:
    - After a creation or an update, wait until the tenant shows one of O(%(here)swait_for_status).
    - V(WARNING) ends the waiting too, with a warning. V(ERROR), V(DISABLED), V(TRANSPORTER_CONNECTION_DISABLED) and V(DESTROYING) end
      it at once as a failure that says what the tenant gives as the reason. With any other word it goes on until
      O(%(here)swait_timeout).
  type: bool
  default: false
wait_for_status:
  description:
    - Status words that the waiting is for, in any spelling of upper and lower case. A word given here is never a failure or a warning.
  type: list
  elements: str
  default: [COMPLETED, CONNECTED]
wait_timeout:
  description:
    - Seconds to wait. What was sent stands when they are over, and the task fails.
  type: float
  default: 120.0
credentials_file:
  description:
    - File on the host that runs the module for the one-time token of a new V(COLLECTOR), as JSON, readable by its owner alone.
    - It is proven writable before the request. An existing file is never overwritten, and no two items may name one file.
    - A collector whose file is missing is told in a warning and in C(pending_actions), since nobody can read its token again.
    - A collector whose token cannot be written is deleted again.
    - When no token in a known form came, the file holds the tenant's answer, and the message says how to go on.
  type: path
return_credentials:
  description:
    - Return the one-time token of a new V(COLLECTOR) in clear as C(collector_credentials). Set C(no_log) on such a task.
    - Creating a V(COLLECTOR) needs this or O(%(here)scredentials_file).
  type: bool
  default: false
"""

_IGNORE = r"""
ignore:
  description:
    - The item names an instance that is known and left to others. It is never touched and never pruned.
  type: bool
  default: false
"""


def _fields(here: str) -> str:
    """The options with links to each other; here: what stands before an option's name in such a link."""
    return _OPTIONS % {"here": here}


class ModuleDocFragment:
    # Annotated, since ansible-test takes a plain assignment for a text it can read without running it.
    DOCUMENTATION: str = "options:\n" + textwrap.indent(_fields(""), "  ")

    ITEMS: str = r"""
options:
  data_sources:
    description:
      - The data sources, each with the options below.
    type: list
    elements: dict
    required: true
    suboptions:
""" + textwrap.indent(_fields("data_sources[].") + _IGNORE, "      ")
