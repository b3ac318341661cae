"""The 29 rules of dbt-project-evaluator, asked of a parsed project without its package or a warehouse.

Each rule is a function from a project to its offences, one line each; what must hold is that there is none. They follow
https://dbt-labs.github.io/dbt-project-evaluator/latest/rules (version 1.x), with its default thresholds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_FANOUT = 3
MAX_JOINS = 7
MAX_CHAINED_VIEWS = 5
TARGET_COVERAGE = 100

PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("dim_", "fct_"),
    "outcomes": ("out_",),
    "audiences": ("aud_",),
}
"""How the models of each folder begin; marts, outcomes and audiences are what the rules call marts."""

FINAL = ("marts", "outcomes", "audiences")


@dataclass(frozen=True)
class Model:
    """A model of the graph, as far as the rules look at it."""

    name: str
    path: str
    parents: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    sql: str = ""
    description: str = "One row."
    yaml_path: str = ""
    materialized: str = "table"
    access: str = "protected"
    is_contract_enforced: bool = True
    described_columns: Mapping[str, str] = field(default_factory=dict)
    key_columns: tuple[str, ...] = ("id",)
    test_count: int = 1
    test_paths: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """The folder of models/ in which it stands."""
        return self.path.split("/")[1]

    @property
    def folder(self) -> str:
        """The folder of its file."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Source:
    """A table that the project reads and does not build."""

    name: str
    relation: str
    description: str = "One row."
    group_description: str = "Tables."
    yaml_path: str = "models/staging/_sources.yml"
    has_freshness: bool = True


@dataclass(frozen=True)
class Exposure:
    """A use of models outside of the project."""

    name: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Project:
    """A parsed project."""

    models: Mapping[str, Model]
    sources: Mapping[str, Source] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()

    def children(self) -> Mapping[str, set[str]]:
        """The models that select from each model or source, by its name."""
        found: dict[str, set[str]] = defaultdict(set)
        for model in self.models.values():
            for parent in (*model.parents, *model.sources):
                found[parent].add(model.name)
        return found


Rule = Callable[[Project], Iterator[str]]


def direct_join_to_source(project: Project) -> Iterator[str]:
    """A model reads a source and a model at once."""
    for each in project.models.values():
        if each.parents:
            yield from (f"{each.name} <- {source}" for source in each.sources)


def marts_or_intermediate_dependent_on_source(project: Project) -> Iterator[str]:
    """A model past staging reads a source."""
    for each in project.models.values():
        if each.layer != "staging":
            yield from (f"{each.name} <- {source}" for source in each.sources)


def duplicate_sources(project: Project) -> Iterator[str]:
    """Two sources are one table."""
    counts = Counter(source.relation for source in project.sources.values())
    yield from (relation for relation, count in counts.items() if count > 1)


def hard_coded_references(project: Project) -> Iterator[str]:
    """A model names a table by itself instead of by ref or source."""
    pattern = re.compile(r"\b(?:from|join)\s+[`\"]?([a-z_]\w*)[`\"]?\.[`\"]?([a-z_]\w*)", re.IGNORECASE)
    for each in project.models.values():
        text = re.sub(r"\{#.*?#\}|--[^\n]*", "", each.sql, flags=re.DOTALL)
        yield from (f"{each.name} names {'.'.join(found)}" for found in pattern.findall(text))


def model_fanout(project: Project) -> Iterator[str]:
    """Many final models are made from one: that belongs into a tool of presentation, or upstream."""
    children = project.children()
    for each in project.models.values():
        leaves = {name for name in children[each.name] if not children[name]}
        if len(leaves) > MAX_FANOUT:
            yield f"{each.name} -> {', '.join(sorted(leaves))}"


def multiple_sources_joined(project: Project) -> Iterator[str]:
    """A model joins several sources."""
    for each in project.models.values():
        if len(each.sources) > 1:
            yield f"{each.name} <- {', '.join(sorted(each.sources))}"


def rejoining_of_upstream_concepts(project: Project) -> Iterator[str]:
    """Parent, child and grandchild are joined, though the child is made for nothing else."""
    children = project.children()
    for each in project.models.values():
        for parent in each.parents:
            middle = [
                name
                for name in each.parents
                if parent in project.models[name].parents
                and children[name] == {each.name}
                and len(project.models[name].parents) + len(project.models[name].sources) == 1
            ]
            yield from (f"{parent}, {name} -> {each.name}" for name in middle)


def root_models(project: Project) -> Iterator[str]:
    """A model has no parent."""
    yield from (each.name for each in project.models.values() if not each.parents and not each.sources)


def source_fanout(project: Project) -> Iterator[str]:
    """Several models read one source."""
    children = project.children()
    yield from (f"{name} -> {', '.join(sorted(children[name]))}" for name in project.sources if len(children[name]) > 1)


def staging_dependent_on_marts_or_intermediate(project: Project) -> Iterator[str]:
    """Staging reads what comes after it."""
    yield from _staging_on(project, lambda parent: parent.layer != "staging")


def staging_dependent_on_staging(project: Project) -> Iterator[str]:
    """Staging reads staging."""
    yield from _staging_on(project, lambda parent: parent.layer == "staging")


def _staging_on(project: Project, is_wrong: Callable[[Model], bool]) -> Iterator[str]:
    for each in project.models.values():
        if each.layer == "staging":
            yield from (f"{each.name} <- {name}" for name in each.parents if is_wrong(project.models[name]))


def unused_sources(project: Project) -> Iterator[str]:
    """Nothing reads a source."""
    children = project.children()
    yield from (name for name in project.sources if not children[name])


def too_many_joins(project: Project) -> Iterator[str]:
    """A model is made from many others."""
    for each in project.models.values():
        if len(each.parents) + len(each.sources) > MAX_JOINS:
            yield f"{each.name}: {len(each.parents) + len(each.sources)} parents"


def missing_primary_key_tests(project: Project) -> Iterator[str]:
    """Nothing holds a model to one row per key."""
    yield from (each.name for each in project.models.values() if not each.key_columns)


def sources_without_freshness(project: Project) -> Iterator[str]:
    """Nobody would see that a source stands still."""
    yield from (name for name, source in project.sources.items() if not source.has_freshness)


def test_coverage(project: Project) -> Iterator[str]:
    """Models without a test, where fewer than the target have one."""
    untested = [each.name for each in project.models.values() if each.test_count == 0]
    if 100 * (len(project.models) - len(untested)) < TARGET_COVERAGE * len(project.models):
        yield from untested


def undocumented_models(project: Project) -> Iterator[str]:
    """A model without a description."""
    yield from (each.name for each in project.models.values() if not each.description)


def documentation_coverage(project: Project) -> Iterator[str]:
    """The share of described models, where it is below the target."""
    described = sum(1 for each in project.models.values() if each.description)
    if 100 * described < TARGET_COVERAGE * len(project.models):
        yield f"{described} of {len(project.models)} models"


def undocumented_source_tables(project: Project) -> Iterator[str]:
    """A source table without a description."""
    yield from (name for name, source in project.sources.items() if not source.description)


def undocumented_sources(project: Project) -> Iterator[str]:
    """A group of source tables without a description."""
    yield from sorted({name.split(".")[0] for name, each in project.sources.items() if not each.group_description})


def test_directories(project: Project) -> Iterator[str]:
    """A model's tests are declared in another folder than the model."""
    for each in project.models.values():
        yield from (f"{each.name}: {path}" for path in each.test_paths if path.rpartition("/")[0] != each.folder)


def model_naming_conventions(project: Project) -> Iterator[str]:
    """A model's name does not say in which layer it stands."""
    yield from (each.name for each in project.models.values() if not each.name.startswith(PREFIXES[each.layer]))


def source_directories(project: Project) -> Iterator[str]:
    """A source is declared outside of staging."""
    yield from (name for name, each in project.sources.items() if not each.yaml_path.startswith("models/staging/"))


def model_directories(project: Project) -> Iterator[str]:
    """A model stands in the folder of another layer than its name says."""
    for each in project.models.values():
        layers = [layer for layer, prefixes in PREFIXES.items() if each.name.startswith(prefixes)]
        if layers and each.layer not in layers:
            yield each.path


def chained_views_dependencies(project: Project) -> Iterator[str]:
    """More views stand upon each other than a reader's query should have to run."""

    def length(name: str) -> int:
        each = project.models[name]
        if each.materialized not in ("view", "stable_view", "ephemeral"):
            return 0
        return 1 + max((length(parent) for parent in each.parents), default=0)

    yield from (f"{name}: {length(name)}" for name in project.models if length(name) > MAX_CHAINED_VIEWS)


def exposure_parents_materializations(project: Project) -> Iterator[str]:
    """Somebody outside reads a view or a source."""
    for exposure in project.exposures:
        for parent in exposure.parents:
            model = project.models.get(parent)
            if model is None or model.materialized in ("view", "stable_view", "ephemeral"):
                yield f"{exposure.name} <- {parent}"


def public_models_without_contract(project: Project) -> Iterator[str]:
    """A public model whose columns nothing holds fast."""
    yield from (each.name for each in _public(project) if not each.is_contract_enforced)


def undocumented_public_models(project: Project) -> Iterator[str]:
    """A public model or a column of one without a description."""
    for each in _public(project):
        if not each.description or not each.described_columns:
            yield each.name
        yield from (f"{each.name}.{name}" for name, text in each.described_columns.items() if not text)


def exposures_dependent_on_private_models(project: Project) -> Iterator[str]:
    """Somebody outside reads what is not public."""
    for exposure in project.exposures:
        for parent in exposure.parents:
            model = project.models.get(parent)
            if model is None or model.access != "public":
                yield f"{exposure.name} <- {parent}"


def _public(project: Project) -> Iterator[Model]:
    yield from (each for each in project.models.values() if each.access == "public")


RULES: tuple[Rule, ...] = (
    direct_join_to_source, marts_or_intermediate_dependent_on_source, duplicate_sources, hard_coded_references,
    model_fanout, multiple_sources_joined, rejoining_of_upstream_concepts, root_models, source_fanout,
    staging_dependent_on_marts_or_intermediate, staging_dependent_on_staging, unused_sources, too_many_joins,
    missing_primary_key_tests, sources_without_freshness, test_coverage,
    undocumented_models, documentation_coverage, undocumented_source_tables, undocumented_sources,
    test_directories, model_naming_conventions, source_directories, model_directories,
    chained_views_dependencies, exposure_parents_materializations,
    public_models_without_contract, undocumented_public_models, exposures_dependent_on_private_models,
)  # fmt: skip


def project_of(manifest: Any) -> Project:
    """Takes from dbt's manifest what the rules look at.

    Args:
        manifest: dbt's own Manifest.
    """
    tests: dict[str, list[Any]] = defaultdict(list)
    for node in manifest.nodes.values():
        if str(node.resource_type) == "test":
            for parent in node.depends_on.nodes:
                tests[parent].append(node)
    for unit_test in manifest.unit_tests.values():
        for parent in unit_test.depends_on.nodes:
            tests[parent].append(unit_test)
    nodes = {node.name: node for node in manifest.nodes.values() if str(node.resource_type) == "model"}
    models = {name: _model_of(node, tests[node.unique_id], _delta_keys(nodes)) for name, node in nodes.items()}
    sources = {
        f"{node.source_name}.{node.name}": Source(
            name=node.name,
            relation=f"{node.schema}.{node.identifier}",
            description=node.description,
            group_description=node.source_description,
            yaml_path=node.original_file_path,
            has_freshness=bool(node.freshness and (node.freshness.warn_after or node.freshness.error_after)),
        )
        for node in manifest.sources.values()
    }
    exposures = tuple(
        Exposure(node.name, tuple(_short(parent) for parent in node.depends_on.nodes))
        for node in manifest.exposures.values()
    )
    return Project(models, sources, exposures)


def _short(unique_id: str) -> str:
    """`model.recall.x` as x, `source.recall.raw.x` as raw.x."""
    return ".".join(unique_id.split(".")[2:])


def _delta_keys(nodes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The key of each delta: the primary key of the published table that refuses its rows when they come in twice."""
    return {
        node.config.get("delta") or f"int_{name.split('_', 1)[1]}__delta": _contract_key(node)
        for name, node in nodes.items()
        if node.config.materialized == "published"
    }


def _contract_key(node: Any) -> tuple[str, ...]:
    """The columns of the primary key in a model's contract."""
    keys = [column for each in node.constraints if "primary_key" in str(each.type) for column in each.columns]
    keys += [
        column.name
        for column in node.columns.values()
        if any("primary_key" in str(each.type) for each in column.constraints)
    ]
    return tuple(keys)


def _model_of(node: Any, tests: list[Any], delta_keys: Mapping[str, tuple[str, ...]]) -> Model:
    parents = [parent for parent in node.depends_on.nodes if parent.startswith("model.")]
    sources = [parent for parent in node.depends_on.nodes if parent.startswith("source.")]
    unique = [test for test in tests if "unique" in test.name and str(test.resource_type) == "test"]
    return Model(
        name=node.name,
        path=node.original_file_path,
        parents=tuple(_short(parent) for parent in dict.fromkeys(parents)),
        sources=tuple(_short(parent) for parent in dict.fromkeys(sources)),
        sql=node.raw_code,
        description=node.description,
        materialized=node.config.materialized,
        access=str(getattr(node.access, "value", node.access)),
        is_contract_enforced=bool(node.config.contract.enforced),
        described_columns={column.name: column.description for column in node.columns.values()},
        key_columns=_contract_key(node) or delta_keys.get(node.name, ()) or tuple(test.name for test in unique),
        test_count=len(tests),
        test_paths=tuple(
            test.original_file_path for test in tests if test.original_file_path.endswith((".yml", ".yaml"))
        ),
    )
