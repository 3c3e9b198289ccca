"""What every table of a study is made from, and the runs that may be fitted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.points import Means, collection_means
from idsharp.report.tables import records
from idsharp.report.tables.sharpness import RULES, common_sharpness
from idsharp.study.layout import Layout

#: Dimensions that the law may be written in.
DIMENSIONS = ("pool_id", "data_id", "representation_id")


@dataclass(frozen=True)
class Study:
    """The records of a study, joined.

    Attributes:
        datasets, properties, attacks: as the tables of these names.
        runs: as the table, with every estimator of `pool_…`, `dataset_…`, `data_…` and
            `representation_…`, and K_F of the pool by every rule.
        layers: the representations at every block; None without.
        id_estimator, representation_estimator: names from ESTIMATORS, for d_data and d_repr.
        published: the papers' values, as resources/published.csv.
    """

    datasets: pd.DataFrame
    properties: pd.DataFrame
    runs: pd.DataFrame
    attacks: pd.DataFrame
    layers: pd.DataFrame | None
    id_estimator: str
    representation_estimator: str
    published: pd.DataFrame
    #: What `points` averages, by estimator, rule and losses.
    _terms: dict[tuple, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)

    @property
    def estimators(self) -> list[str]:
        """All estimators, the study's own first."""
        return [self.id_estimator, *(name for name in ESTIMATORS if name != self.id_estimator)]

    @property
    def rules(self) -> list[str]:
        """The rules of K_F that were measured."""
        return [rule for rule in RULES if self.runs[f"sharpness_{rule}"].notna().any()]

    def points(
        self, columns: list[str], estimator: str | None = None, rule: str = "definition",
        losses: str = "all", model: str = "all", n_train: int | str = "all",
    ) -> Means:  # fmt: skip
        """Collection means of the runs that may be fitted, by one estimator and rule.

        Args:
            columns: of the runs, or the terms and responses that `with_terms` adds.
            losses: "all", or "below chance": without runs whose test loss is above chance.
            model, n_train: one of them, or "all".
        """
        key = estimator or self.id_estimator, rule, losses
        if key not in self._terms:
            self._terms[key] = with_terms(self.fitted(losses), *key[:2])
        runs = self._terms[key]
        runs = runs if model == "all" else runs[runs["model"] == model]
        runs = runs if n_train == "all" else runs[runs["n_train"] == n_train]
        return collection_means(runs, columns)

    def fitted(self, losses: str = "all") -> pd.DataFrame:
        """The runs of each dataset's own task; what a run that learned nothing says is missing."""
        runs = first_choice(self.runs)
        usable = is_learned(runs)
        if losses == "below chance":
            usable &= ~runs["above_chance_loss"].eq(True)
        learned_by_it = ["test_loss", "test_accuracy", "highest_test_accuracy", "representation_id"]
        learned_by_it += [f"representation_{name}" for name in ESTIMATORS]
        return runs.assign(
            **{name: runs[name].astype(float).where(usable) for name in learned_by_it}
        )


def read_study(
    layout: Layout,
    tasks: dict[str, dict],
    id_estimator: str,
    representation_estimator: str,
    published: pd.DataFrame,
    blocks: bool = False,
) -> Study:
    """Read the records of a study.

    Args:
        layout: where the records are.
        tasks: for each task its dataset, collection, domain, note, and the task that it stands
            `instead_of`.
        blocks: whether representations were measured at every block.
    """
    properties = records.read_properties(layout, tasks)
    datasets = records.read_datasets(layout, properties)
    estimators = id_estimator, representation_estimator
    runs = _with_properties(records.read_runs(layout, tasks, datasets), properties, datasets)
    runs = _by_estimators(runs, *estimators)
    attacks = records.read_attacks(layout, tasks)
    of_run = runs[[*records.RUN_KEYS, "label_sharpness", "label_sharpness_m", *_SHARPNESS]]
    attacks = attacks.merge(of_run, on=records.RUN_KEYS)
    layers = records.read_layers(layout, tasks) if blocks else None
    return Study(datasets, properties, runs, attacks, layers, *estimators, published)


def combined(studies: Sequence[Study]) -> Study:
    """Several studies of the same tasks as one: other networks, N, seeds, attacks or tasks in each.

    Of what two studies hold of the same task, training set or network, the first study's counts.

    Raises:
        ValueError: the studies measured a pool differently, or are of other estimators.
    """
    first = studies[0]
    for other in studies[1:]:
        if (other.id_estimator, other.representation_estimator) != (
            first.id_estimator,
            first.representation_estimator,
        ):
            raise ValueError("the studies differ in the estimators of dimension that they use")
    datasets = pd.concat([study.datasets for study in studies], ignore_index=True)
    ids = datasets.groupby("task")[first.id_estimator].agg(["min", "max"])
    # Up to rounding, and to what processors differ in.
    differ = ids["max"] > (1 + 1e-5) * ids["min"]
    if differ.any():
        tasks = ", ".join(ids.index[differ])
        raise ValueError(f"the studies measured other images of {tasks}: their pools differ in ID")
    layers = [study.layers for study in studies if study.layers is not None]
    keys = records.RUN_KEYS
    return replace(
        first,
        datasets=datasets.drop_duplicates("task", ignore_index=True),
        properties=_joined([study.properties for study in studies], ["task"], "subset"),
        runs=_joined([study.runs for study in studies], keys),
        attacks=_joined([study.attacks for study in studies], keys, "attack", "epsilon_255"),
        layers=_joined(layers, keys, "layer") if layers else None,
    )


def _joined(tables: list[pd.DataFrame], order: list[str], *names: str) -> pd.DataFrame:
    """The rows of all tables, of each task or network together; `order` and `names` name a row."""
    rows = pd.concat(tables, ignore_index=True).drop_duplicates([*order, *names])
    return rows.sort_values(order, kind="stable", ignore_index=True)


def is_learned(runs: pd.DataFrame) -> pd.Series:
    """Which runs regressions and figures may use: finite, and with answers that differ.

    A network that gives every image the same answer has learned nothing: no attack costs it
    anything, and its accuracy is that of guessing.
    """
    return (runs["status"] == "ok") & ~runs["constant_output"].eq(True)


def learned(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of `is_learned`."""
    return runs[is_learned(runs)]


def first_choice(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each dataset's own task, without tasks that stand `instead_of` it."""
    return table[table["instead_of"].fillna("") == ""]


_SHARPNESS = ["pool_sharpness", "pool_sharpness_m"]


def _with_properties(
    runs: pd.DataFrame, properties: pd.DataFrame, datasets: pd.DataFrame
) -> pd.DataFrame:
    """Runs with the properties of their training set, of their pool, and of their dataset."""
    estimates = [f"{name}{suffix}" for name in ESTIMATORS for suffix in ("", "_se")]
    training = properties[["task", "subset", *ESTIMATORS, "label_sharpness", "label_sharpness_m"]]
    training = training.rename(columns={name: f"data_{name}" for name in ESTIMATORS})
    runs = runs.assign(subset="n" + runs["n_train"].astype(str))
    runs = runs.merge(training, on=["task", "subset"]).drop(columns="subset")
    pools = datasets.set_index("task")[estimates]
    runs = runs.join(pools.add_prefix("pool_"), on="task")
    runs = runs.join(whole_datasets(datasets)[estimates].add_prefix("dataset_"), on="task")
    sharpness = common_sharpness(datasets[datasets["is_trained"]])
    runs = runs.join(sharpness, on="task")
    return runs.assign(pool_sharpness=runs["sharpness_definition"])


def whole_datasets(datasets: pd.DataFrame) -> pd.DataFrame:
    """For each task the properties of its whole dataset, indexed by task.

    Those of the task that is measured only, such as all ten classes of MNIST, where there is one
    on the same dataset; else the task's own.
    """
    whole = datasets[~datasets["is_trained"]].drop_duplicates("dataset").set_index("dataset")
    own = datasets.set_index("task")
    measured = own["dataset"].isin(whole.index)
    replaced = whole.loc[own.loc[measured, "dataset"]].set_index(own.index[measured])
    return pd.concat([own[~measured], replaced.reindex(columns=own.columns)]).loc[own.index]


def _by_estimators(runs: pd.DataFrame, id_estimator: str, representation: str) -> pd.DataFrame:
    """Runs with the columns of the study's own estimators, as the table of runs shows them."""
    return runs.assign(
        pool_id=runs[f"pool_{id_estimator}"],
        dataset_id=runs[f"dataset_{id_estimator}"],
        data_id=runs[f"data_{id_estimator}"],
        data_id_as_representation=runs[f"data_{representation}"],
        representation_id=runs[f"representation_{representation}"],
        id_estimator=id_estimator,
        representation_estimator=representation,
    )


def with_terms(runs: pd.DataFrame, estimator: str, rule: str) -> pd.DataFrame:
    """Runs with the terms of every law by one estimator and rule, and standard errors of terms.

    Logarithms are natural; a loss of zero has none and stays missing.
    """
    loss, log_n = runs["test_loss"].astype(float), np.log(runs["n_train"])
    sharpness = runs[f"sharpness_{rule}"].astype(float)
    terms = {
        "pool_id": runs[f"pool_{estimator}"],
        "pool_id_se": runs[f"pool_{estimator}_se"],
        "dataset_id": runs[f"dataset_{estimator}"],
        "dataset_id_se": runs[f"dataset_{estimator}_se"],
        "data_id": runs[f"data_{estimator}"],
        "log_n": log_n,
        "log_loss": np.log(loss.where(loss > 0)),
        "log_sharpness": np.log(sharpness),
        "log_sharpness_se": runs[f"sharpness_{rule}_sd"].astype(float) / sharpness,
        "is_radiology": (runs["domain"] == "radiology").astype(float),
    }
    runs = runs.assign(**terms)
    for name in DIMENSIONS:
        runs[f"log_n_over_{name}"] = log_n / runs[name].astype(float)
    # By the delta method.
    runs["log_n_over_pool_id_se"] = runs["log_n_over_pool_id"] * (
        runs["pool_id_se"].astype(float) / runs["pool_id"].astype(float)
    )
    return runs
