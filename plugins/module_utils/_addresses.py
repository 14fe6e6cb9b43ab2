# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and repositories in all spellings, reduced to one address each. Pure.

Private to the collection, floor 0.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
import typing as t
import unicodedata
from urllib.parse import quote, unquote

GITHUB, GITLAB, BITBUCKET = "github", "gitlab", "bitbucket"
BITBUCKET_DC, AZURE, CODE_COMMIT = "bitbucket_dc", "azure", "code_commit"
# Hosts with a known product, under the names of their web pages.
_PUBLIC = {
    "github.com": ("github.com", GITHUB),
    "www.github.com": ("github.com", GITHUB),
    "ssh.github.com": ("github.com", GITHUB),
    "gitlab.com": ("gitlab.com", GITLAB),
    "www.gitlab.com": ("gitlab.com", GITLAB),
    "altssh.gitlab.com": ("gitlab.com", GITLAB),
    "bitbucket.org": ("bitbucket.org", BITBUCKET),
    "www.bitbucket.org": ("bitbucket.org", BITBUCKET),
    "altssh.bitbucket.org": ("bitbucket.org", BITBUCKET),
    "dev.azure.com": ("dev.azure.com", AZURE),
    "ssh.dev.azure.com": ("dev.azure.com", AZURE),
    "vs-ssh.visualstudio.com": ("visualstudio.com", AZURE),
}
_VISUAL_STUDIO = ".visualstudio.com"
_CODE_COMMIT = re.compile(r"git-codecommit\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# user@host:path, as git accepts it; an IPv6 address is in brackets.
_SCP = re.compile(r"([^@/\s:]+@)?(\[[^\]\s]+\]|[^:/@\s\[\]]+):(?!//)(.+)", re.DOTALL)
_WEB = ("http", "https")
_DEFAULT_PORTS = {"http": ("80",), "https": ("443",), "ssh": ("22",), "": ("80", "443")}
# Where Bitbucket Data Center listens for SSH.
_BITBUCKET_SSH = "7999"


@functools.lru_cache(maxsize=4096)
def host_key(text: str) -> str:
    """One spelling of a host, for comparison: "ghe.example.com" of "https://me@GHE.example.com.:443/".

    Scheme, user, a default port, case, a trailing dot, the brackets of IPv6 and the spelling of
    international names do not matter. Another port is kept, and so is the path under which a product is
    served (example.com/gitlab). Empty if there is no host.
    """
    scheme, rest = _without_scheme(unicodedata.normalize("NFKC", text.strip()))
    authority, _slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].replace("\\", "/").partition("/")
    host, port = _host_and_port(authority)
    path = "/".join(filter(None, path.split("/"))).lower()
    suffix = f":{port}" if port and port not in _DEFAULT_PORTS.get(scheme, ()) else ""
    return f"{host}{suffix}{'/' if path else ''}{path}"


def port_of(text: str) -> str:
    """The port in the text, in digits; empty when there is none."""
    _scheme, rest = _without_scheme(text.strip())
    return _host_and_port(re.split(r"[/?#]", rest, maxsplit=1)[0])[1]


def without_port(key: str) -> str:
    """The host of a host_key without its port."""
    host = key.partition("/")[0]
    return host if host.endswith("]") else re.sub(r":\d+$", "", host)


def _without_scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    return (match[1].lower(), text[match.end() :]) if match else ("", text)


def _host_and_port(authority: str) -> tuple[str, str]:
    authority = authority.rpartition("@")[2].strip()
    if authority.startswith("["):
        host, _bracket, port = authority[1:].partition("]")
        port = port.removeprefix(":")
    elif authority.count(":") > 1:
        host, port = authority, ""
    else:
        host, _colon, port = authority.partition(":")
    port = port.lstrip("0") if port.isdigit() else port
    try:
        address = ipaddress.ip_address(host)
        return (f"[{address.compressed}]" if address.version == 6 else address.compressed), port
    except ValueError:
        return _name(host), port


def _name(host: str) -> str:
    host = host.rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


@dataclasses.dataclass(frozen=True)
class Repository:
    """One repository.

    host: as host_key returns it; empty if the text names none.
    path: "Org/My Project/repo", as its product spells it.
    ssh: whether it was an SSH address, so that the port of its web pages is unknown.
    url: of its web page; empty without a host.
    product: one of the words above, or empty.
    """

    host: str
    path: str
    ssh: bool = False
    url: str = ""
    product: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Host and path for comparison. Without a host, only the path counts."""
        return self.host, path_key(self.path, self.product)


def path_key(path: str, product: str = "") -> str:
    """One spelling of a repository's path, for comparison. Only AWS CodeCommit is case-sensitive."""
    path = unicodedata.normalize("NFC", path.strip().strip("/"))
    return path if product == CODE_COMMIT else unicodedata.normalize("NFC", path.lower())


def repository_of(text: str, product: str = "") -> Repository:
    """The repository that a text names: the URL of a web page or a clone, an SSH URL, git@host:path, or only
    its path.

    A host needs a scheme or a user in front of it, unless it is a public one: acme.io/sub/api is a path,
    since groups may have such names.
    product: the host's product, if known from elsewhere.
    Raises ValueError for a text that does not name a repository.
    """
    text = unicodedata.normalize("NFC", text.strip())
    scheme, rest = _without_scheme(text)
    scp = None if scheme else _SCP.fullmatch(text)
    first = text.partition("/")[0].lower()
    if scp and (scp[1] or scp[2].lower() in _PUBLIC):
        scheme, authority, path = "ssh", f"{scp[1] or ''}{scp[2]}", scp[3]
    elif scheme or first in _PUBLIC or first.endswith(_VISUAL_STUDIO):
        authority, _slash, path = rest.partition("/")
        scheme = scheme or "https"
    else:
        if not text.strip("/") or any(c.isspace() and c != " " for c in text):
            raise ValueError("it does not name a repository")
        return Repository("", "/".join(_segments(text)), product=product)
    ssh = scheme not in _WEB
    host, port = _host_and_port(authority)
    segments = _segments(unquote(path if ssh else re.split(r"[?#]", path, maxsplit=1)[0]))
    if not host or not segments:
        raise ValueError("it does not name a repository")
    return _of_product(host, port, "https" if ssh else scheme, segments, ssh, product)


def _segments(path: str) -> list[str]:
    segments = [part for part in path.split("/") if part.strip()]
    if segments and segments[-1] != ".git":
        segments[-1] = segments[-1].removesuffix(".git")
    return segments


def _of_product(
    host: str, port: str, scheme: str, segments: list[str], ssh: bool, product: str
) -> Repository:
    user_port = port if not ssh and port not in _DEFAULT_PORTS[scheme] else ""
    if host.endswith(_VISUAL_STUDIO) and host not in _PUBLIC:
        # The older address of an Azure DevOps organization.
        segments = [host.removesuffix(_VISUAL_STUDIO), *(s for s in segments if s != "DefaultCollection")]
        host, product = "visualstudio.com", AZURE
    elif host in _PUBLIC:
        host, product = _PUBLIC[host]
    elif _CODE_COMMIT.fullmatch(host):
        product = CODE_COMMIT
    elif ssh and port == _BITBUCKET_SSH and not product:
        product = BITBUCKET_DC
    path, below = _PATHS.get(product, _path)(segments, ssh)
    at = f"{host}:{user_port}" if user_port else host
    if host == "visualstudio.com":
        organization, _slash, rest = below.partition("/")
        url = f"https://{quote(organization)}{_VISUAL_STUDIO}/{quote(rest)}"
        return Repository("dev.azure.com", path, ssh, url, product)
    return Repository(at, path, ssh, f"{scheme}://{at}/{quote(below, safe='/~:@!$&()*+,;=')}", product)


# Each of the following functions takes the segments of a path, and whether it is of an SSH address. It
# returns the repository's path and what follows the host in the URL of its web page.


def _path(segments: list[str], _ssh: bool) -> tuple[str, str]:
    """For an unknown product: recognises the forms that only one product has."""
    for known in (_azure, _bitbucket_dc):
        path = known(segments, False)
        if path[0] != "/".join(segments):
            return path
    return _gitlab(segments, False)


def _two(segments: list[str], _ssh: bool) -> tuple[str, str]:
    """Owner and name; anything after them is a page of the repository."""
    if len(segments) > 2:
        segments = [segments[0], segments[1].removesuffix(".git")]
    return ("/".join(segments),) * 2


def _gitlab(segments: list[str], _ssh: bool) -> tuple[str, str]:
    """Anything after /-/ is a page of the project."""
    if "-" in segments[2:]:
        segments = segments[: segments.index("-", 2)]
        segments[-1] = segments[-1].removesuffix(".git")
    return ("/".join(segments),) * 2


def _azure(segments: list[str], ssh: bool) -> tuple[str, str]:
    """organization/project/repository; a project's own repository may be written without the project."""
    if ssh and segments[0] == "v3" and len(segments) == 4:
        segments = [*segments[1:3], "_git", segments[3]]
    at = next((i for i, s in enumerate(segments) if s in ("_git", "_ssh") and i and i + 1 < len(segments)), 0)
    if not at:
        return ("/".join(segments),) * 2
    before, after = segments[:at], [s for s in segments[at + 1 :] if s not in ("_full", "_optimized")]
    name = (after or segments[at + 1 :])[0]
    if len(before) == 1:
        before = [*before, name]
    return "/".join([*before, name]), "/".join([*before, "_git", name])


def _bitbucket_dc(segments: list[str], ssh: bool) -> tuple[str, str]:
    """PROJECT/repository, or ~user/repository, of the pages projects/X/repos/Y and users/X/repos/Y."""
    for at, word in enumerate(segments[:-3]):
        if word in ("projects", "users") and segments[at + 2] == "repos":
            owner = f"~{segments[at + 1]}" if word == "users" else segments[at + 1]
            return f"{owner}/{segments[at + 3]}", "/".join(segments[: at + 4])
        if at == 0 and not ssh:
            break
    return ("/".join(segments),) * 2


def _bitbucket_dc_known(segments: list[str], ssh: bool) -> tuple[str, str]:
    """Clone addresses too: scm/X/Y, and X/Y over SSH."""
    path, below = _bitbucket_dc(segments, True)
    if path != "/".join(segments):
        return path, below
    clone = segments[segments.index("scm") + 1 :] if "scm" in segments[:-2] else segments
    if len(clone) != 2:
        return path, below
    owner, name = clone
    page = ["users", owner[1:]] if owner.startswith("~") else ["projects", owner.upper()]
    return f"{owner}/{name}", "/".join([*page, "repos", name]) if ssh else below


def _code_commit(segments: list[str], _ssh: bool) -> tuple[str, str]:
    below = "/".join(segments)
    return below.removeprefix("v1/repos/"), below


_PATHS: dict[str, t.Callable[[list[str], bool], tuple[str, str]]] = {
    GITHUB: _two,
    BITBUCKET: _two,
    GITLAB: _gitlab,
    AZURE: _azure,
    BITBUCKET_DC: _bitbucket_dc_known,
    CODE_COMMIT: _code_commit,
}
