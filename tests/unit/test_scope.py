# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules instead of a list: what a pattern matches, which rule decides, what is planned, and where candidates come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.check import check_item
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.differences import unexpected
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.digest import digest_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import from_api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import Plan, plan_update
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.scope import scope_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.show import (
    diff_of,
    plan_as_markdown,
    scope_lines,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError, TenantError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import read_names

MANUAL = "MANUAL_SELECTION"
Raw = dict[str, Any]
ITEM: Raw = {
    "state": "present", "type": "GITLAB_SELF_MANAGED", "name": "core", "repositories_mode": "merge", "external_projects_mode": "merge",
    "max_deselect": 10,
}  # fmt: skip


def holding(*state: str) -> Raw:
    return {"id": "12", "type": "GITLAB_SELF_MANAGED", "name": "core", "selectionType": MANUAL, "state": list(state),
            "repositoriesCount": len(state)}  # fmt: skip


def wanting(*rules: Raw, candidates: list[str], mode: str = "merge", **more: Any) -> Raw:
    return {**ITEM, "scope_rules": list(rules), "scope_candidates": candidates, "repositories_mode": mode, **more}


def update(item: Raw, raw: Raw) -> Plan:
    """Planned from an instance that was read by id."""
    return plan_update(item, Instance(raw, full=True))


# Patterns


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("platform/*", ["platform/api", "platform/"], ["platform", "platform/a/b", "x/platform/api"]),
        ("platform/**", ["platform/api", "platform/a/b/c"], ["platform", "platforms/a"]),
        ("**/archive", ["archive", "a/archive", "a/b/archive"], ["a/archive/b", "unarchive", "a/myarchive"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("*/archive", ["a/archive"], ["archive", "a/b/archive"]),
        ("**", ["a", "a/b", ""], []),
        ("*", ["a", ""], ["a/b"]),
        ("a**z", ["az", "a/b/z", "abz"], ["a/b"]),
        ("pay.ments/[x]?", ["pay.ments/[x]?"], ["payXments/x", "pay.ments/xy"]),
        ("Platform/api", ["Platform/api"], ["platform/api"]),
        ("a/*", ["a/line\nbreak"], []),
    ],
)
def test_what_a_pattern_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    assert scope_of([{"include": pattern}], [*yes, *no], []).included == yes


def test_the_last_rule_that_matches_decides_and_without_one_it_stays_out() -> None:
    rules = [{"include": "platform/*"}, {"exclude": "*/archive"}, {"include": "platform/archive"}]
    scope = scope_of(rules, ["platform/api", "platform/archive", "shop/archive", "shop/web"], [])
    assert scope.included == ["platform/api", "platform/archive"]
    assert [(v.matched, v.overruled, v.examples) for v in scope.verdicts] == [
        (2, 1, ["platform/api", "platform/archive"]),
        (2, 1, ["platform/archive", "shop/archive"]),
        (1, 0, ["platform/archive"]),
    ]


def test_selected_ones_that_are_no_candidates_are_judged_and_counted() -> None:
    scope = scope_of([{"include": "a/*"}], ["a/1", "a/2"], ["a/2", "a/gone", "b/gone"])
    assert scope.included == ["a/2", "a/gone", "a/1"]
    assert (scope.left_out, scope.unlisted, scope.unlisted_left_out) == (1, 2, 1)


def test_candidates_that_no_rule_matches_are_counted_and_shown() -> None:
    scope = scope_of([{"include": "a/*"}, {"exclude": "b/1"}], ["a/1", "b/1", "c/2", "c/1"], ["d/kept"])
    assert (scope.unmatched, scope.unmatched_examples) == (2, ["c/1", "c/2"])
    assert scope.as_result() == {
        "candidates": 4, "unmatched": 2, "unmatched_examples": ["c/1", "c/2"], "selected": 1, "included": 1, "left_out": 1,
        "unlisted": 1, "unlisted_left_out": 1, "rules": [
            {"rule": "include", "pattern": "a/*", "matched": 1, "overruled": 0, "examples": ["a/1"]},
            {"rule": "exclude", "pattern": "b/1", "matched": 1, "overruled": 0, "examples": ["b/1"]},
        ],
    }  # fmt: skip
    assert "candidates that no rule matches: 2, such as c/1, c/2" in scope_lines(scope)


# Plans


def test_merge_adds_what_is_included_removes_nothing_and_says_what_it_leaves() -> None:
    plan = update(wanting({"include": "a/*"}, candidates=["a/1", "a/2", "b/1"]), holding("b/1", "a/1"))
    assert plan.put["state"] == ["b/1", "a/1", "a/2"]
    (warning,) = plan.warnings
    assert "1 of 2 selected repositories are not included by the scope_rules but stay selected" in warning


def test_exact_makes_the_selection_what_is_included_under_the_guards() -> None:
    item = wanting({"include": "a/*"}, candidates=["a/1"], mode="exact")
    assert update(item, holding("b/1", "a/1", "a/kept")).put["state"] == ["a/1", "a/kept"]
    with pytest.raises(InputError, match="deselect 11 of 12 repositories"):
        update(item, holding("a/1", *[f"b/{n}" for n in range(11)]))
    with pytest.raises(InputError, match="all its repositories: "):
        update(wanting({"include": "nothing/*"}, candidates=["a/1"], mode="exact"), holding("b/1"))


def test_rules_that_include_nothing_are_said() -> None:
    (warning,) = update(wanting({"include": "platfrom/*"}, candidates=["platform/api"]), holding()).warnings
    assert "the scope_rules include none of 1 candidates and 0 selected repositories" in warning


def test_a_selection_of_all_is_not_narrowed_without_leave() -> None:
    """After a person's consent a tenant may select everything; rules are then a narrowing like any list."""
    everything = {**holding("a/1", "b/1", "b/2"), "selectionType": "CURRENT_STATE"}
    item = wanting({"include": "a/*"}, candidates=["a/1", "b/1"], mode="exact", selection_type=MANUAL)
    with pytest.raises(InputError, match=r"would cover fewer repositories.*set max_deselect in this item to -1"):
        update(item, everything)
    assert update({**item, "max_deselect": -1}, everything).put == {"selectionType": MANUAL, "state": ["a/1"]}
    with pytest.raises(InputError, match="scope_rules needs selection_type MANUAL_SELECTION; it is CURRENT_STATE"):
        update({k: v for k, v in item.items() if k != "selection_type"}, everything)


def test_a_read_that_names_fewer_than_the_tenant_counts_is_refused() -> None:
    with pytest.raises(TenantError, match="says 2546 repositories are selected but names 1"):
        update(wanting({"include": "**"}, candidates=["a/2"]), {**holding("a/1"), "repositoriesCount": 2546})


def test_the_plan_shows_what_each_rule_matched_and_its_digest_only_what_changes() -> None:
    rules = [{"include": "a/*"}, {"exclude": "a/``` \n## forged"}]
    plans = [(update(item, holding("b/1")), item) for item in (wanting(*rules, candidates=["a/1", *more]) for more in ([], ["c/1"]))]
    shown = diff_of(*plans[0])
    assert shown is not None
    assert shown["after"].splitlines() == [
        "repositories: 2",
        "repositories + a/1",
        "scope_rules[0] include a/*: matches 1, such as a/1",
        'scope_rules[1] exclude "a/``` \\n## forged": matches 0',
        "scope: 1 included of 1 candidates and 1 selected; 1 selected not included; "
        "1 selected that are not candidates, 1 of them not included",
    ]
    assert digest_of("t", [plans[0][0]]) == digest_of("t", [plans[1][0]])
    page = plan_as_markdown("t", "d", plans[:1]).splitlines()
    assert "  scope_rules[0] include a/*: matches 1, such as a/1" in page
    assert sum(line.startswith("##") for line in page) == 1


# For any rules, candidates and selection

repositories = st.lists(st.sampled_from([f"{g}/{n}" for g in "abc" for n in ("x", "y", "archive", "s/z")]), unique=True, max_size=12)
patterns = st.sampled_from(["a/*", "b/**", "**", "*/archive", "**/z", "*/x", "c/s/*", "a/y", "nothing/*"])
kinds = st.sampled_from(["include", "include", "exclude"])
rule_lists = st.lists(st.tuples(kinds, patterns).map(lambda rule: dict([rule])), min_size=1, max_size=4)


def includes(rules: list[Raw], repository: str) -> bool:
    """The semantics once more, in other words: read the rules from the end, compare segment by segment."""

    def fits(parts: list[str], segments: list[str]) -> bool:
        if not parts:
            return not segments
        if parts[0] == "**":
            # As the last part it takes at least one segment.
            return any(fits(parts[1:], segments[n:]) for n in range(len(parts) == 1, len(segments) + 1))
        return bool(segments) and parts[0] in ("*", segments[0]) and fits(parts[1:], segments[1:])

    for rule in reversed(rules):
        ((kind, pattern),) = rule.items()
        if fits(pattern.split("/"), repository.split("/")):
            return kind == "include"
    return False


@given(rule_lists, repositories, repositories, st.sampled_from(["merge", "exact"]), st.sampled_from([-1, 0, 2, 10]))
def test_applying_gives_the_resolved_set_and_applying_again_plans_nothing(
    rules: list[Raw], candidates: list[str], state: list[str], mode: str, most: int
) -> None:
    item, current = wanting(*rules, candidates=candidates, mode=mode, max_deselect=most), holding(*state)
    expected = {r for r in {*candidates, *state} if includes(rules, r)} | (set(state) if mode == "merge" else set())
    gone = set(state) - expected
    try:
        plan = update(item, current)
    except InputError:
        event("refused")
        assert mode == "exact"
        assert most != -1
        assert len(gone) > most or (gone and not expected)
        return
    event(plan.action)
    assert most == -1 or len(gone) <= most
    assert set(plan.put.get("state", state)) == expected
    reread = {**current, **plan.put, "repositoriesCount": len(plan.put.get("state", state))}
    assert from_api(reread) == plan.after
    assert unexpected(plan.before, plan.after, Instance(reread, full=True)) == []
    assert update(item, reread).action == "none"


@given(rule_lists, repositories, repositories)
def test_the_numbers_add_up(rules: list[Raw], candidates: list[str], state: list[str]) -> None:
    scope = scope_of(rules, candidates, state)
    assume(scope.included)
    assert len(scope.included) == len(set(scope.included))
    assert scope.left_out == len(set(state) - set(scope.included))
    deciding = sum(v.matched - v.overruled for v in scope.verdicts)
    assert deciding == sum(any(includes([{"include": p}], r) for rule in rules for p in rule.values()) for r in {*candidates, *state})


# Candidates

FILES = {
    "list.txt": "# exported today\nplatform/api\r\n\n  platform/web  \nplatform/api\n",
    "list": "\ufeffplatform/api\nplatform/web\n",
    "header.csv": "id,name,full_name\n1,api,platform/api\n2,web,platform/web\n",
    "name.csv": "name;x,name\nq,platform/api\nq,platform/web\n",
    "plain.csv": "platform/api,5\n\nplatform/web,6\n",
    "texts.json": '["platform/api", "platform/web"]',
    "gh.json": '[{"nameWithOwner": "platform/api", "name": "api"}, {"nameWithOwner": "platform/web", "name": "web"}]',
    "glab.json": '[{"path_with_namespace": "platform/api", "name": "API"}, {"path_with_namespace": "platform/web", "name": "W"}]',
    "list.yml": "---\n- platform/api\n- 'platform/web'\n",
    "entries.yaml": "- {repository: platform/api}\n- {full_name: platform/web}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_candidates(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8", newline="")
    candidates, _content = read_names(str(tmp_path / name), "scope_candidates")
    scope = scope_of([{"include": "**"}], candidates, [])
    assert (scope.candidates, scope.included) == (2, ["platform/api", "platform/web"])


def test_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "r.txt").write_text("a/b")
    assert read_names("~/r.txt", "scope_candidates")[0] == ["a/b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "names no repository"),
        ("comments.txt", b"# none\n\n", "names no repository"),
        ("header.csv", b"repository,owner\n", "names no repository"),
        ("empty.json", b"[]", "names no repository"),
        ("broken.json", b'["a/b"', "is not valid JSON"),
        ("deep.json", b"[" * 100_000, "is not valid JSON"),
        ("broken.yml", b"- [a", "is not valid YML"),
        ("open.csv", b'"a/b', "is not valid CSV"),
        ("object.json", b'{"a": "b"}', "must contain a list"),
        ("text.yml", b"a/b", "must contain a list"),
        ("number.json", b'["a/b", 7]', "[1] is not a repository"),
        ("entry.json", b'[{"slug": "a/b"}]', "[0] is not a repository: give a string, or an entry with one of repository,"),
        ("latin.txt", "h\u00f4te/d\u00e9p\u00f4t".encode("latin-1"), "is not UTF-8"),
        (".", b"", "cannot be read"),
        ("missing/r.txt", None, "cannot be read: No such file or directory (looked for "),
    ],
)
def test_an_invalid_file_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None and name != ".":
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_names(str(tmp_path / name), "scope_candidates")
    assert str(refused.value).startswith(f"scope_candidates {(tmp_path / name).resolve()}")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


# Refused without a tenant


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"scope_rules": [{"include": "a"}]}, "scope_rules needs scope_candidates"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": []}, "scope_rules needs scope_candidates"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": 7}, "scope_rules needs scope_candidates"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": ["a", 7]}, "scope_candidates[1] is not a repository"),
        ({"scope_candidates": ["a"]}, "only works with scope_rules"),
        ({"scope_rules": [], "scope_candidates": ["a"]}, "scope_rules is empty"),
        ({"scope_rules": [{"include": "a", "exclude": "b"}], "scope_candidates": ["a"]}, "scope_rules[0] must have one of"),
        ({"scope_rules": [{"include": "a"}, {}], "scope_candidates": ["a"]}, "scope_rules[1] must have one of"),
        ({"scope_rules": [{"include": " "}], "scope_candidates": ["a"]}, "scope_rules[0] must have one of"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": ["a"], "repositories": ["a"]}, "give only one"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": ["a"], "repositories_mode": "remove"}, "remove cannot be combined with"),
        ({"scope_rules": [{"include": "a"}], "scope_candidates": ["a"], "selection_type": "CURRENT_STATE"}, "scope_rules needs"),
    ],
)
def test_invalid_rules(given_: Raw, message: str) -> None:
    with pytest.raises(InputError) as refused:
        check_item({**ITEM, **given_})
    assert message in str(refused.value)


def test_where_the_product_ignores_case_so_do_candidates_and_rules() -> None:
    rules = [{"include": "platform/*"}, {"exclude": "*/LEGACY"}]
    candidates = ["Platform/API", "https://github.com/platform/web/tree/main", "platform/legacy", "PLATFORM/web"]
    scope = scope_of(rules, candidates, ["platform/Api"], "GITHUB")
    assert scope.included == ["platform/Api", "platform/web"], "the tenant's spelling is kept"
    assert (scope.candidates, scope.unlisted) == (3, 0)
    exact = scope_of(rules, candidates, ["platform/Api"], "AWS_CODE_COMMIT")
    assert exact.included == ["platform/Api", "platform/web", "platform/legacy"]
