# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one data source, for the module data_source and for each item of data_sources.

Private to the collection.
"""

from __future__ import annotations

import textwrap

_OPTIONS = r"""
state:
  description:
    - V(present) creates the data source if it does not exist and updates it to match otherwise.
    - V(created) creates it if it does not exist and never changes it afterwards.
    - V(absent) deletes it, with its findings, mappings and webhooks. This cannot be undone.
  type: str
  choices: [present, created, absent]
  default: present
id:
  description:
    - The tenant's ID of an existing data source. An item with an ID never creates one.
    - Needed only if nothing else distinguishes the instances.
  type: str
identifier:
  description:
    - The tenant's own identifier of the instance (C(uniqueIdentifier)), as exports contain it. For a
      V(COLLECTOR) it is the name; for other types the vendor chooses it, for example the organization.
    - If given, it identifies the instance together with O(%(here)stype) alone. An instance with another
      identifier is another instance; if the instances show no identifier, the item is undetermined.
    - Together with O(%(here)sid), it must be the identifier that the instance shows.
    - Together with a different O(%(here)sname), it renames a V(COLLECTOR).
  type: str
type:
  description:
    - The integration type, such as V(GITHUB_ENTERPRISE), V(GITLAB_SELF_MANAGED), V(JENKINS_SERVER), V(SNYK)
      or V(COLLECTOR).
    - The 23 types of the vendor's guide are known; any other upper-case word is sent as it is, with a
      warning.
    - It identifies the instance together with O(%(here)sidentifier), or with O(%(here)sname) and
      O(%(here)sdomain.hostname) where given.
  type: str
name:
  description:
    - The name of the instance, sent when it is created (C(uniqueProperties.name)). Later, only a V(COLLECTOR)
      can be renamed.
    - Tenants show an identifier instead, which for a V(COLLECTOR) is the name. For other types, a name that
      equals the identifier identifies the instance; a name that differs from it proves nothing. In that case
      a host that only one instance has decides (C(identified_by) in the result); without such a host the item
      is undetermined, and no second instance is created.
    - An instance found by its host, with an identifier other than the name, is adopted and scoped, but never
      deleted or recreated.
  type: str
domain:
  description:
    - The server of a self-hosted or regional product. It cannot be changed later.
  type: dict
  suboptions:
    hostname:
      description: Host name, with the port if it is not the default one.
      type: str
    protocol:
      description: Protocol that the platform uses to reach it.
      type: str
      choices: [https, http]
credentials:
  description:
    - How the platform signs in to the product. They are sent only on creation, because the API can neither
      show nor change them.
    - They are not used for an existing instance; rotate them in the console.
    - A creation is refused if one of them is empty or blank, or if they contain no secret although the type
      needs one. The same applies to a blank certificate and to a blank value under a key of the settings that
      looks like a secret.
  type: dict
  suboptions:
    type:
      description: Kind of credentials. The vendor's list is open; only V(OAUTH) is confirmed.
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
    - Settings specific to the type, passed through as they are. Tenants show none of them except
      C(detectionMethod) and C(fileType) of a V(COLLECTOR). Settings that are not shown are sent on creation
      and not compared (C(not_compared) in the result names them).
    - If an older tenant shows them, only the given keys are compared, and all other keys are kept.
    - Values under keys that look like secrets are never shown, and a masked value is never sent back.
    - A V(COLLECTOR) is created with C(detectionMethod=SAST) and C(fileType=SARIF) unless they are given here.
  type: dict
update_unique_properties:
  description:
    - When to send O(%(here)sunique_properties) that the tenant does not show. V(on_create) sends them on
      creation only.
    - V(always) sends them in every run, which then always reports a change.
  type: str
  choices: [on_create, always]
  default: on_create
uncreatable:
  description:
    - What to do if the tenant's API cannot create this O(%(here)stype), so that it has to be connected in the
      console. According to the published schema the API creates only a V(COLLECTOR); according to the
      vendor's guide it creates every type.
    - With V(pending) the item does not fail. Its action is C(pending), and a pending action says what to do;
      once the data source is connected, a later run scopes it. With V(fail) the item fails. An unknown type
      always fails.
  type: str
  choices: [pending, fail]
  default: pending
transporter:
  description:
    - The broker through which a private server is reached. It cannot be changed later.
  type: dict
  suboptions:
    broker_device_id:
      description: Device ID of the broker VM. The API requires both suboptions.
      type: str
    connection_name:
      description: Name of the transporter connection.
      type: str
self_signed_certificate:
  description:
    - Certificate of a self-hosted server, as PEM text. It cannot be changed later. Line endings are ignored
      when it is compared.
  type: str
selection_type:
  description:
    - V(MANUAL_SELECTION) covers the listed O(%(here)srepositories), V(CURRENT_STATE) all repositories that
      exist now, and V(CURRENT_STATE_AND_FUTURE) future ones too. Any other word is sent as it is, with a
      warning.
    - If not given, it is left unchanged.
  type: str
repositories:
  description:
    - Identifiers of the selected repositories, as the platform spells them (for GitLab C(group/project)).
      Compared as a set.
    - Requires V(MANUAL_SELECTION), given here or already set. O(%(here)srepositories_mode) says how the list
      is applied.
    - If not given, the selection is left unchanged. With V(exact), an empty list deselects everything,
      subject to O(%(here)smax_deselect); with the other modes it changes nothing.
  type: list
  elements: str
repositories_mode:
  description:
    - V(merge) adds the listed repositories, V(exact) makes the selection equal to the list, V(remove)
      deselects them.
  type: str
  choices: [merge, exact, remove]
  default: merge
scope_rules:
  description:
    - Rules that choose from O(%(here)sscope_candidates) and the current selection, instead of a list in
      O(%(here)srepositories). The last matching rule decides; a repository that matches no rule is not
      included.
    - In a pattern, C(*) matches any text within one path segment, C(**) across segments. Case matters.
    - With O(%(here)srepositories_mode=merge) the included repositories are added and none is removed; with
      O(%(here)srepositories_mode=exact) exactly the included ones are selected, subject to
      O(%(here)smax_deselect). V(remove) is refused.
    - Requires V(MANUAL_SELECTION), as O(%(here)srepositories) does, and O(%(here)sscope_candidates).
  type: list
  elements: dict
  suboptions:
    include:
      description: Pattern of repositories to include, such as V(platform/*).
      type: str
    exclude:
      description: Pattern of repositories to exclude, such as V(**/archive).
      type: str
scope_candidates:
  description:
    - The existing repositories, to which O(%(here)sscope_rules) apply, as a list or as the path of a file on
      the host that runs the module. The tenant's own list of repositories may be incomplete and is not used.
    - A file with the extension C(.json), C(.yml) or C(.yaml) holds a list, a C(.csv) file a table, and any
      other file one repository per line (C(#) starts a comment). In a table, or in a list of objects, the
      first of these is taken, whatever its case, blanks and underscores - C(repository), C(full_name),
      C(path_with_namespace), C(nameWithOwner), C(web_url), C(html_url), C(remote_url), C(repository_url),
      C(http_url_to_repo), C(url), C(name). A table with other columns is refused; one without a header has
      the repositories in its first column.
  type: raw
external_projects:
  description:
    - Mappings from a vendor's project or branch to a repository or branch of the platform.
    - A mapping is identified by its project and O(%(here)sexternal_projects[].external_branch_name). The
      project is O(%(here)sexternal_projects[].external_project_id), else
      O(%(here)sexternal_projects[].external_id).
    - Tenants do not show them. The mappings last applied are remembered in C(state_dir), and every mode
      starts from there as long as nobody else changes the instance. If nothing is remembered, only
      O(%(here)sexternal_projects_mode=exact) works for an existing instance; since it may replace mappings
      that nobody can see, O(%(here)smax_deselect) must then be V(-1).
  type: list
  elements: dict
  suboptions:
    external_project_id:
      description: The vendor's ID of the project.
      type: str
    external_id:
      description: The vendor's own ID of the mapped object. The tenant requires it.
      type: str
    external_branch_name:
      description: Name of the branch at the vendor.
      type: str
    repo_id:
      description: The platform's ID of the repository.
      type: str
    branch_name:
      description: Name of the branch on the platform.
      type: str
external_projects_mode:
  description:
    - V(merge) adds or changes the listed mappings, V(exact) makes the mappings equal to the list, V(remove)
      removes those that match an entry in every field it gives.
  type: str
  choices: [merge, exact, remove]
  default: merge
external_projects_update:
  description:
    - V(always) applies the mappings in every run. V(on_create) sends them for a new instance only.
  type: str
  choices: [always, on_create]
  default: always
max_deselect:
  description:
    - A change that deselects more repositories or mappings than this, or the last one, or that narrows
      O(%(here)sselection_type), is refused, with the numbers. V(-1) allows every change.
    - A selection type that the tenant does not show, or that is unknown, counts as the widest.
    - Replacing what the tenant selected on its own in a new instance whose scope has not been set yet does
      not count.
  type: int
  default: 10
recreate:
  description:
    - The type, domain, transporter and certificate of an instance cannot be updated. V(never) fails if one of
      them is known to differ.
    - V(when_immutable_differs) deletes the instance, with its findings, mappings and webhooks, and creates it
      again with the same scope and mappings. It is refused for types that need a person or a stack, without
      O(%(here)scredentials) if the type needs them, and if it is not known whether the tenant can create the
      type again.
    - A field that the tenant does not show counts as unknown, not as different.
  type: str
  choices: [never, when_immutable_differs]
  default: never
backup_dir:
  description:
    - Folder on the host that runs the module. Before an instance is deleted or recreated, or anything is
      deselected in it, it is saved here, without secrets, as a data file for the playbook
      C(cortex_cloud.appsec.onboard).
  type: path
wait:
  description:
    - After a creation or an update, wait until the tenant shows one of O(%(here)swait_for_status).
    - V(WARNING) ends the wait too, with a warning. On V(ERROR), V(DISABLED),
      V(TRANSPORTER_CONNECTION_DISABLED) and V(DESTROYING) the item fails at once, with the reason that the
      tenant gives. With any other word the wait continues until O(%(here)swait_timeout).
  type: bool
  default: false
wait_for_status:
  description:
    - Status words to wait for, ignoring case. A word given here never causes a failure or a warning.
  type: list
  elements: str
  default: [COMPLETED, CONNECTED]
wait_timeout:
  description:
    - How long to wait, in seconds. On timeout the task fails; changes already made are kept.
  type: float
  default: 120.0
credentials_file:
  description:
    - File on the host that runs the module for the one-time token of a new V(COLLECTOR), as JSON, readable
      only by its owner.
    - Whether it can be written is checked before the request. An existing file is never overwritten, and two
      items cannot share a file.
    - If the file of an existing collector is missing, a warning and C(pending_actions) say so, because its
      token cannot be read again.
    - A collector whose token cannot be written is deleted again.
    - If the response contains no token in a known form, the file holds the response, and the message says how
      to continue.
  type: path
return_credentials:
  description:
    - Return the one-time token of a new V(COLLECTOR) in clear text as C(collector_credentials). Set C(no_log)
      on such a task.
    - Creating a V(COLLECTOR) requires this or O(%(here)scredentials_file).
  type: bool
  default: false
"""

_IGNORE = r"""
ignore:
  description:
    - The instance is known and managed by others. It is never changed and never pruned.
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
