# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the documentation site; `make docs` builds it under .build/docs, without the network."""

from __future__ import annotations

project = "cortex_cloud.appsec"
copyright = "the cortex_cloud.appsec contributors"
html_title = "cortex_cloud.appsec"
html_theme = "furo"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
extensions = ["myst_parser", "sphinx_antsibull_ext"]
default_role = "any"
highlight_language = "yaml+jinja"
pygments_style = "default"
pygments_dark_style = "monokai"
myst_heading_anchors = 4
# What the reference pages point to beyond this site are labels of Ansible's own documentation, whose index is on the network.
suppress_warnings = ["ref.ref"]
