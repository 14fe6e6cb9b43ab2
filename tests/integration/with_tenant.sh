#!/usr/bin/env bash
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# with_tenant.sh COMMAND...: runs COMMAND with the variables of an embedded tenant that lives as long as it does.
set -euo pipefail

# ansible-test copies a target elsewhere; the collection stands where it finds collections.
collection=${ANSIBLE_COLLECTIONS_PATH%%:*}/ansible_collections/cortex_cloud/appsec
folder=$(mktemp -d)
PYTHONPATH=$collection/tests "${ANSIBLE_TEST_PYTHON_INTERPRETER:-python}" -m tenant --profile guide --env-file "$folder/tenant.env" >"$folder/log" 2>&1 &
tenant=$!
trap 'kill "$tenant" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 300); do
    [ ! -s "$folder/tenant.env" ] || break
    kill -0 "$tenant" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
set -a
# shellcheck disable=SC1091
. "$folder/tenant.env"
set +a
export CORTEXCLOUD_RATE_LIMIT_DIR=$folder/rate CORTEXCLOUD_STATE_DIR=$folder/state
"$@"
