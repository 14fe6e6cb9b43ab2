# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every spelling of a host or a repository gives the same address; different ones never give the same."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _addresses as code
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._addresses import (
    host_key,
    path_key,
    repository_of,
)


@pytest.mark.parametrize(
    ("key", "spellings"),
    [
        (
            "ghe.example.com",
            ["ghe.example.com", " GHE.example.com ", "ghe.example.com.", "ghe.example.com:443", "https://ghe.example.com/",
             "https://me:secret@ghe.example.com:443", "http://ghe.example.com:80/", "ghe.example.com:80", "https://ghe.example.com:0443"],
        ),
        ("ghe.example.com:8443", ["ghe.example.com:8443", "https://GHE.example.com.:8443/", "me@ghe.example.com:8443"]),
        ("ghe.example.com:443", ["http://ghe.example.com:443"]),
        ("[2001:db8::1]", ["2001:db8::1", "[2001:DB8:0::1]", "https://[2001:db8::1]:443/"]),
        ("[2001:db8::1]:8443", ["https://[2001:db8::1]:8443"]),
        ("xn--bcher-kva.example", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "b\u0075\u0308cher.example"]),
        ("example.com/gitlab", ["example.com/gitlab", "https://example.com/GitLab/"]),
        ("", ["", "  ", "https://", ":443", "/"]),
    ],
)  # fmt: skip
def test_a_host_has_one_key(key: str, spellings: list[str]) -> None:
    assert {spelling: host_key(spelling) for spelling in spellings} == dict.fromkeys(spellings, key)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("git@ssh.dev.azure.com:v3/org/proj/repo", "https://dev.azure.com/org/proj/_git/repo"),
        ("org@vs-ssh.visualstudio.com:v3/org/proj/repo", "https://org.visualstudio.com/proj/_git/repo"),
        ("https://org@dev.azure.com/org/My%20Project/_git/repo", "https://dev.azure.com/org/My%20Project/_git/repo"),
        ("https://org.visualstudio.com/DefaultCollection/proj/_git/repo", "https://org.visualstudio.com/proj/_git/repo"),
        ("https://dev.azure.com/org/_git/repo?version=GBmain", "https://dev.azure.com/org/repo/_git/repo"),
        ("ssh://git@ssh.github.com:443/org/app.git", "https://github.com/org/app"),
        ("https://github.com/org/app/tree/main/src", "https://github.com/org/app"),
        ("ssh://git@altssh.bitbucket.org:443/org/app.git", "https://bitbucket.org/org/app"),
        ("https://bitbucket.org/org/app/src/main/", "https://bitbucket.org/org/app"),
        ("ssh://git@altssh.gitlab.com:443/org/sub/app.git", "https://gitlab.com/org/sub/app"),
        ("https://gitlab.example.com/g/p/-/merge_requests/5", "https://gitlab.example.com/g/p"),
        ("ssh://git@bb.example.com:7999/proj/repo.git", "https://bb.example.com/projects/PROJ/repos/repo"),
        ("ssh://git@bb.example.com:7999/~jdoe/x.git", "https://bb.example.com/users/jdoe/repos/x"),
        ("https://bb.example.com/projects/PROJ/repos/repo/browse?at=main", "https://bb.example.com/projects/PROJ/repos/repo"),
        ("https://[2001:db8::1]/g/p.git", "https://[2001:db8::1]/g/p"),
        ("git@[2001:db8::1]:g/p.git", "https://[2001:db8::1]/g/p"),
        ("https://me:secret@git.example.com:8443/org/my.repo.git/", "https://git.example.com:8443/org/my.repo"),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/App", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/App"),
    ],
)
def test_the_web_page_of_a_repository(text: str, url: str) -> None:
    assert repository_of(text).url == url
    # What came of it means the same.
    assert repository_of(url).key == repository_of(text).key


def test_a_path_alone_has_no_host() -> None:
    """Groups may have names like hosts, so a dot proves nothing; the well-known hosts are not groups."""
    assert repository_of("acme.io/sub/api").key == ("", "acme.io/sub/api")
    assert repository_of("github.com/Org/App").key == ("github.com", "org/app")
    assert repository_of("My Project/repo.git/").key == ("", "my project/repo")


@pytest.mark.parametrize("text", ["", " ", "/", "https://", "https://host.example/", "a\nb"])
def test_text_that_does_not_name_a_repository_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not name a repository"):
        repository_of(text)


def test_two_unicode_forms_of_a_name_are_one_repository() -> None:
    assert repository_of("group/cafe\u0301").key == repository_of("group/caf\u00e9").key
    assert path_key("Org/App", code.CODE_COMMIT) != path_key("org/app", code.CODE_COMMIT)


# Each product's host, and how a repository (group or groups, name) of it is written.
NAME = st.text("abcdefgh-_.0123456789", min_size=1, max_size=8).filter(
    lambda s: re.fullmatch(r"[a-z0-9][a-z0-9_.-]*[a-z0-9]|[a-z0-9]", s) and not s.endswith((".git", ".")) and s not in ("scm", "v3", "v1")
)
FORMS = {
    "github.com": (
        code.GITHUB, 2,
        ["https://github.com/{}", "https://github.com/{}.git", "git@github.com:{}.git", "ssh://git@ssh.github.com:443/{}.git",
         "https://x:y@github.com/{}/pull/3", "github.com/{}", "HTTPS://WWW.github.com/{}/"],
    ),
    "gitlab.example.com": (
        code.GITLAB, 3,
        ["https://gitlab.example.com/{}", "git@gitlab.example.com:{}.git", "ssh://git@gitlab.example.com:2222/{}.git",
         "https://gitlab.example.com/{}/-/tree/main", "https://oauth2:t@gitlab.example.com/{}.git", "https://gitlab.example.com.:443/{}"],
    ),
    "dev.azure.com": (
        code.AZURE, 3,
        ["https://dev.azure.com/{0}/{1}/_git/{2}", "git@ssh.dev.azure.com:v3/{0}/{1}/{2}", "https://{0}@dev.azure.com/{0}/{1}/_git/{2}",
         "https://dev.azure.com/{0}/{1}/_git/{2}?path=/a"],
    ),
    "bb.example.com": (
        code.BITBUCKET_DC, 2,
        ["https://bb.example.com/projects/{0}/repos/{1}", "https://bb.example.com/scm/{0}/{1}.git",
         "ssh://git@bb.example.com:7999/{0}/{1}.git", "https://bb.example.com/projects/{0}/repos/{1}/browse"],
    ),
}  # fmt: skip


@settings(max_examples=1000 if os.environ.get("CI") else 40)
@given(st.data())
def test_spellings_of_one_repository_are_equal_and_different_repositories_are_not(data: st.DataObject) -> None:
    product, parts, forms = data.draw(st.sampled_from(sorted(FORMS.values())))
    paths = data.draw(st.lists(st.tuples(*[NAME] * parts), min_size=1, max_size=4, unique=True))
    keys: dict[tuple[str, str], tuple[str, ...]] = {}
    for path in paths:
        found = set()
        for form in forms:
            words = [quote(word) for word in path]
            text = form.format(*words) if "{0}" in form else form.format("/".join(words))
            found.add(repository_of(data.draw(st.sampled_from([text, f" {text}\n"])), product).key)
            upper = text.replace("/".join(words), "/".join(words).upper())
            found.add(repository_of(upper, product).key)
        assert len(found) == 1, found
        (key,) = found
        assert keys.setdefault(key, path) == path, "two repositories became one"


@given(st.text(max_size=40), st.sampled_from(["", *sorted(product for product, _n, _f in FORMS.values())]))
def test_any_text_is_a_repository_or_is_refused(text: str, product: str) -> None:
    try:
        found = repository_of(text, product)
    except ValueError:
        return
    assert found.path
    assert bool(found.url) == bool(found.host)
    if found.url and not any(c in text for c in "%?#"):
        assert repository_of(found.url, product).key == found.key, "its own web page means another"
