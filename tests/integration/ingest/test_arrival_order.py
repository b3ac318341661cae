"""Files in any order, replaced and repeated, leave the same rows as a plain reading of the version rule."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from tests.integration.ingest.conftest import Shop

HEADER = "user_id,tier,region,updated_at\n"


@dataclass(frozen=True)
class Version:
    """One record of a users file."""

    user_id: str
    tier: str
    updated_at: str

    @property
    def line(self) -> str:
        return f"{self.user_id},{self.tier},,{self.updated_at}\n"


def random_file(source: random.Random) -> list[Version]:
    """Few users, tiers and days, so that keys, contents and ties meet often."""
    return [
        Version(
            f"u{source.randrange(6)}",
            source.choice(("gold", "silver")),
            source.choice(("", "2024-01-01", "2024-01-02", "2024-01-02")),
        )
        for _ in range(source.randrange(8))
    ]


def winners(files: dict[str, list[Version]]) -> list[tuple[str, str, str]]:
    """The rule in plain Python: greatest updated_at, none first; then the last path; then the later record."""
    best: dict[str, tuple[tuple[str, str, int], Version]] = {}
    for path, versions in files.items():
        for number, version in enumerate(versions):
            rank = (version.updated_at, path, number)
            if version.user_id not in best or rank > best[version.user_id][0]:
                best[version.user_id] = (rank, version)
    return sorted((version.user_id, version.tier, version.updated_at) for _, version in best.values())


def counts(files: dict[str, list[Version]]) -> tuple[int, int, int]:
    """Rows loaded, repeated and superseded over all files; these totals depend on no order either."""
    winning = set(winners(files))
    equal = sum(
        (version.user_id, version.tier, version.updated_at) in winning
        for versions in files.values()
        for version in versions
    )
    total = sum(len(versions) for versions in files.values())
    return len(winning), equal - len(winning), total - equal


def known_versions(shop: Shop) -> dict[str, set[tuple[object, ...]]]:
    """Per user every version that a night for some day could see, and which of them stands."""
    rows = shop.query(
        "select user_id, true, _row_hash from raw.users union select user_id, false, _row_hash from raw.users_versions"
    )
    found: dict[str, set[tuple[object, ...]]] = {}
    for user_id, *version in rows:
        found.setdefault(user_id, set()).add(tuple(version))
    return found


def load_and_check_notice(shop: Shop) -> None:
    """Loads; whoever has another set of versions afterwards must be named to those who build on them."""
    before = known_versions(shop)
    load_id = shop.load().load_id
    after = known_versions(shop)
    noticed = shop.query(
        "select user_id from raw.users where _load_id = %(load)s"
        " union select user_id from control.row_changes where load_id = %(load)s and table_name = 'users'",
        load=load_id,
    )
    changed = {user for user in before | after if before.get(user) != after.get(user)}
    assert changed <= {user for (user,) in noticed}


@pytest.mark.parametrize("seed", range(8))
def test_load_shuffled_replaced_and_repeated_files_leave_the_same_winners(shop: Shop, seed: int) -> None:
    source = random.Random(seed)
    final = {f"users/{number}.csv": random_file(source) for number in range(5)}
    for _ in range(6):
        # Anything may lie under a path at first, several paths may come in one load, and every path gets its final
        # content in the end.
        for path in source.sample(sorted(final), source.randrange(1, 4)):
            versions = final[path] if source.random() < 0.5 else random_file(source)
            shop.deliver(path, HEADER + "".join(version.line for version in versions))
        load_and_check_notice(shop)
    for path in source.sample(sorted(final), len(final)):
        shop.deliver(path, HEADER + "".join(version.line for version in final[path]))
        load_and_check_notice(shop)

    found = shop.query(
        "select user_id, tier, coalesce(to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD'), '') from raw.users"
        " order by 1"
    )

    assert found == winners(final)
    totals = shop.query(
        "select sum(loaded_count)::int, sum(repeated_count)::int, sum(superseded_count)::int from control.files"
        " where state = 'loaded'"
    )
    assert totals == [counts(final)]
