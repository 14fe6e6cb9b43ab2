# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a real browser: read by people with and without scripts, in light and dark, on a phone, and by axe.

Needs tests/requirements-browser.txt and a Chromium; CHROMIUM names one that is not on the PATH. With UPDATE_IMAGES=1 the pictures of the
guide are made anew.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
INSTALL = "playwright or axe is not installed: pip install -r tests/requirements-browser.txt"
sync_api = pytest.importorskip("playwright.sync_api", reason=INSTALL)
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright", reason=INSTALL)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium was found: install one, or name it in CHROMIUM")

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence  # noqa: E402
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import fleet, summary  # noqa: E402
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import audit  # noqa: E402
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.render import (  # noqa: E402
    render_fleet,
    render_report,
)

Row = dict[str, Any]
SCRIPT = "<script>document.title='taken over'</script>"


def source(kind: str, name: str, **more: Any) -> Row:
    shown = {"id": f"{len(name):x}{abs(hash(name)) % 16**11:x}" if "id" not in more else more["id"], "type": kind, "name": name}
    return {**shown, "status": "COMPLETED", "health": "healthy", "complete": True, "repositories": [], "repositories_count": 0, **more}


def bank(**more: Any) -> Row:
    """A tenant of 400 repositories with something of everything."""
    covered = [f"payments/service-{n}" for n in range(396)]
    sources = [
        source(
            "GITHUB_ENTERPRISE",
            "ghe-core",
            id="6f21",
            domain={"hostname": "ghe.bank.example"},
            selection_type="MANUAL_SELECTION",
            repositories=covered,
            repositories_count=396,
        ),
        source(
            "GITLAB_SELF_MANAGED",
            "gitlab-core",
            id="77a0",
            domain={"hostname": "gitlab.bank.example"},
            complete=False,
            selection_type="CURRENT_STATE_AND_FUTURE",
            repositories=["web/shop"],
            repositories_count=310,
        ),
        source("JENKINS_SERVER", "jenkins-blue", id="0b1e", status="ERROR", health="unhealthy"),
        source("HCP_TFE_RUN_TASKS", "tfe-prod", id="91cc", status="PENDING", health="pending"),
        source("COLLECTOR", "semgrep-oss", id="col_1"),
        source("SNYK", "by-hand", id="5d5d"),
    ]
    named = [
        ("GITHUB_ENTERPRISE", "ghe-core"),
        ("GITLAB_SELF_MANAGED", "gitlab-core"),
        ("JENKINS_SERVER", "jenkins-blue"),
        ("HCP_TFE_RUN_TASKS", "tfe-prod"),
        ("COLLECTOR", "semgrep-oss"),
        ("SEMGREP", "semgrep-cloud"),
    ]
    expected = [{"type": kind, "name": name} for kind, name in named]
    rows = [{"index": 0, "id": "6f21", "action": "updated"}]
    diffs = [{"before_header": "x (id 6f21)", "before": "repositories: 120\n", "after": "repositories: 121\nrepositories + payments/new\n"}]
    listed = [f"https://ghe.bank.example/{name}" for name in covered]
    listed += [
        "https://ghe.bank.example/payments/new",
        "https://gitlab.bank.example/web/shop",
        "https://gitlab.bank.example/web/app",
        SCRIPT,
    ]
    receipts: list[Row] = [
        {
            "time": f"2026-11-{1 + n % 20:02d}T10:00:00Z",
            "status": 200,
            "collector": "semgrep-oss",
            "repository": f"https://ghe.bank.example/{name}",
            "branch": "main",
            "tool": "Semgrep OSS",
            "results": n % 9,
            "sha256": "0" * 64,
            "file": f"{n}.json",
        }
        for n, name in enumerate(covered[:360])
    ]
    receipts[3]["time"] = "2026-09-01T10:00:00Z"
    receipts[4]["branch"] = "tmp-branch"
    receipts[5].update(outcome="not_sent", status=None, results=0)
    given: Row = {
        "tenant": "api-bank.xdr.eu.paloaltonetworks.com",
        "inventory_host": "bank",
        "audited_at": "2026-11-22T08:00:00Z",
        "sources": sources,
        "expected": expected,
        "rows": rows,
        "diffs": diffs,
        "repositories": listed,
        "receipts": receipts,
        "known": [
            {"id": f"r{n}", "owner": "payments", "name": f"service-{n}", "url": f"https://ghe.bank.example/payments/service-{n}",
             "integration_id": "6f21", "is_selected": n % 5 > 0, "is_archived": n % 30 == 1, "default_branch": "main",
             "broken": [{"part": "token", "reason": "expired"}] if n > 390 else [],
             "scanned_at": f"2026-{8 + n % 4:02d}-20T08:00:00Z" if n % 11 else None}
            for n in range(396)
        ],
        "exceptions": [
            {"repository": "https://gitlab.bank.example/*", "owner": "web team", "reason": "moves to GitHub", "expires": "2026-12-31"},
            {"name": "by-hand", "owner": "", "reason": "trial", "expires": "2026-10-01"},
            {"repository": "*", "kind": "unselected", "owner": "platform", "reason": "until the move", "expires": "2099-12-31"},
        ],
        "key_expires": "2026-12-05",
        "fail_on": ["missing", "unhealthy", "stale"],
        "inputs": {"repositories": {"file": "repos.csv", "sha256": "0" * 64, "entries": len(listed)}},
        "made_by": {"collection": "cortex_cloud.appsec 1.0.0", "api_key_id": "17", "job": "https://awx.bank.example/#/jobs/playbook/4711"},
        "history": [
            {"audited_at": f"2026-{month:02d}-22T08:00:00Z", "listed": 380 + month, "covered": 210 + month * 17, "fresh": (month - 5) * 55}
            for month in range(6, 11)
        ],
    }
    given["baseline"] = audit(Evidence(**{**given, "audited_at": "2026-10-22T08:00:00Z", "sources": sources[:2], "receipts": None}))
    return audit(Evidence(**{**given, **more}))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    fine = audit(
        Evidence(
            "api-small",
            "small",
            "2026-11-22T08:00:00Z",
            [source("GITHUB", "cloud", id="1")],
            expected=[{"type": "GITHUB", "name": "cloud"}],
        )
    )
    gone = "Cannot list data sources: cannot connect to api-gone.example.com."
    everything: dict[str, Row | str] = {"bank": summary(bank()), "small": summary(fine), "gone": gone}
    texts = {
        "report": render_report(bank()),
        "small": render_report(fine),
        "fleet": render_fleet(fleet(everything, "2026-11-22T08:00:00Z")),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # Without a sandbox of its own, since the tests may run as root in a container; the pages are ours.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """show(path, width=1280, dark=False, scripts=True): the page; at the end it must have asked for nothing and complained of nothing."""
    contexts, asked, complaints = [], [], []

    def shown(path: Path, width: int = 1280, dark: bool = False, scripts: bool = True) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield shown
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith("file:")] == []
    assert len(asked) == len(contexts)
    assert complaints == []


@pytest.mark.parametrize("name", ["report", "small", "fleet"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_axe_finds_nothing(show: Any, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    page = show(pages[name], width, dark)
    # What is collapsed is looked at too.
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    result = axe_api.Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page must not scroll sideways"
    assert page.title() != "taken over"


def test_axe_would_find_something(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["small"])
    page.evaluate("document.querySelectorAll('label').forEach(label => label.remove())")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert {v["id"] for v in axe_api.Axe().run(page).response["violations"]} == {"html-has-lang", "label"}


def test_the_verdict_comes_first_and_can_be_read_without_scripts(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["report"], scripts=False)
    assert page.locator("h2").all_inner_texts() == [
        "Verdict",
        "What to do",
        "From code to cloud",
        "Findings",
        "Changes since 2026-10-22 08:00 UTC",
        "Coverage over time",
        "Data sources",
        "Repositories",
        "The tenant's own list of repositories",
        "Uploads",
        "Exceptions",
        "Basis of this report",
    ]
    assert page.locator(".verdict").inner_text().startswith("Fail. 4 findings fail this audit: 1 missing, 1 unhealthy, 2 stale. And ")
    assert "358 of 400 repositories have a fresh upload" in page.locator(".facts").inner_text()
    assert page.locator("svg.time").is_visible()
    assert not page.locator("#search").is_visible()
    page.locator("summary", has_text="no version-control data source selects them").click()
    assert page.locator("li", has_text="payments/new").last.is_visible()
    assert page.locator("svg.wide").is_visible()
    assert not page.locator("svg.tall").is_visible()


def test_the_search_box_finds_opens_and_goes_there(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["report"])
    page.get_by_label("Search this page").fill("service-77")
    page.locator("#hits li").first.wait_for()
    found = page.locator("#hits li").all_inner_texts()
    assert any(text.startswith("Repositories: https://ghe.bank.example/payments/service-77") for text in found), found
    assert page.locator("#status").inner_text() == f"{len(found)} found"
    target = page.locator("section[aria-labelledby=h-repositories] li", has_text="service-77")
    assert not target.is_visible()
    page.locator("#hits button", has_text="Repositories:").first.click()
    assert target.is_visible()
    assert "service-77" in page.evaluate("document.activeElement.textContent")
    page.get_by_label("Search this page").fill("nothing is called so")
    sync_api.expect(page.locator("#status")).to_have_text("0 found")
    assert page.locator("#hits li").count() == 0


def test_a_name_that_is_a_script_stays_text(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["report"])
    page.get_by_label("Search this page").fill("taken over")
    page.locator("#hits li").first.wait_for()
    page.locator("#hits button").first.click()
    assert SCRIPT in page.content().replace("&lt;", "<").replace("&gt;", ">")
    assert page.title() == "Audit of api-bank.xdr.eu.paloaltonetworks.com"


def test_the_policy_stops_what_escaping_would_miss(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    """A second wall: were such a name ever written unescaped, the browser would not run it, nor fetch anything for it."""
    text = pages["report"].read_text(encoding="utf-8")
    attack = f"{SCRIPT}<img src='http://127.0.0.1:9/x' onerror=\"document.title='taken over'\">"
    (tmp_path / "broken.html").write_text(text.replace("</main>", f"{attack}</main>"))
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "broken.html").as_uri())
    page.wait_for_timeout(200)
    assert page.title() == "Audit of api-bank.xdr.eu.paloaltonetworks.com"
    stopped = [text for text in complaints if "Content Security Policy" in text]
    assert any("127.0.0.1:9" in text for text in stopped), complaints
    assert sum("script" in text for text in stopped) >= 2, complaints
    page.close()


def test_twenty_thousand_repositories_stay_usable(show: Any, tmp_path: Path) -> None:
    names = [f"group-{n % 97}/service-{n}" for n in range(20_000)]
    core = source(
        "GITLAB_SELF_MANAGED", "core", id="1", domain={"hostname": "g.example.com"}, repositories=names[:19_000], repositories_count=19_000
    )
    began = time.monotonic()
    text = render_report(audit(Evidence("api-x", "x", "2026-11-22T08:00:00Z", [core], expected=[], repositories=names)))
    rendered = time.monotonic() - began
    path = tmp_path / "large.html"
    path.write_text(text, encoding="utf-8")
    began = time.monotonic()
    page = show(path)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    loaded = time.monotonic() - began
    began = time.monotonic()
    page.get_by_label("Search this page").fill("service-18999")
    page.locator("#hits li").first.wait_for()
    searched = time.monotonic() - began
    page.locator("#hits button").first.click()
    assert page.locator("li", has_text="service-18999").last.is_visible()
    print(f"\n20,000 repositories: audited and rendered in {rendered:.2f} s, {len(text) / 1e6:.2f} MB", end="")
    print(f", shown in {loaded:.2f} s, searched in {searched:.2f} s")


def test_it_prints(show: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    page = show(pages["report"], dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("#search").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # As wide as a page of A4 between its margins: nothing is cut off.
    page.set_viewport_size({"width": 718, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    pdf = page.pdf(format="A4", path=tmp_path / "report.pdf")
    assert pdf.startswith(b"%PDF")
    # What is collapsed is printed too, also where no script runs.
    still = show(pages["report"], scripts=False)
    still.emulate_media(media="print")
    assert still.locator("li", has_text="payments/new").last.is_visible()
    still.emulate_media(media="screen")
    assert not still.locator("li", has_text="payments/new").last.is_visible()
    page.emulate_media(media="screen", color_scheme="dark")


@pytest.mark.parametrize(
    ("name", "page", "width", "height", "dark"),
    [
        ("audit-report", "report", 1280, 1560, False),
        ("audit-report-phone", "report", 390, 844, True),
        ("audit-fleet", "fleet", 1280, 1340, True),
    ],
)
def test_the_pictures_of_the_guide(show: Any, pages: dict[str, Path], name: str, page: str, width: int, height: int, dark: bool) -> None:
    picture = ROOT / "docs" / "images" / f"{name}.png"
    shown = show(pages[page], width, dark)
    shown.set_viewport_size({"width": width, "height": height})
    made = shown.screenshot()
    if os.environ.get("UPDATE_IMAGES"):
        picture.write_bytes(made)
    assert made.startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000
