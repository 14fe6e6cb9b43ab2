#!/usr/bin/env bash
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-test runs a copy of this folder, alone.
set -euo pipefail
exec "${ANSIBLE_COLLECTIONS_PATH%%:*}"/ansible_collections/cortex_cloud/appsec/tests/integration/with_tenant.sh ansible-playbook test.yml "$@"
