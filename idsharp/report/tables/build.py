"""Every table of a study by its name."""

from collections.abc import Callable

import pandas as pd

from idsharp.report.tables.accuracy import accuracy_plane, accuracy_vs_id, slope_contrasts
from idsharp.report.tables.attacks import loss_penalty_vs_sharpness, penalty_points
from idsharp.report.tables.claims import claims
from idsharp.report.tables.collections import collections
from idsharp.report.tables.comparison import comparison, ranks
from idsharp.report.tables.domains import domain_gap, sharpness_vs_id
from idsharp.report.tables.hyperparameters import hyperparameters
from idsharp.report.tables.losses import exponents, generalization_law, predictions
from idsharp.report.tables.measured import attacks, datasets, properties, runs, timings
from idsharp.report.tables.peaks import representation_layers, representation_peaks
from idsharp.report.tables.published import published_fits
from idsharp.report.tables.representations import representation_vs_data
from idsharp.report.tables.study import Study
from idsharp.report.tables.task_choice import task_choice

#: What builds each table that `report.contents` lists, from the study.
BUILDERS: dict[str, Callable[[Study], pd.DataFrame]] = {
    "datasets": datasets,
    "properties": properties,
    "runs": runs,
    "timings": timings,
    "attacks": attacks,
    "collections": collections,
    "penalty_points": penalty_points,
    "predictions": predictions,
    "hyperparameters": hyperparameters,
    "domain_gap": domain_gap,
    "accuracy_vs_id": accuracy_vs_id,
    "slope_contrasts": slope_contrasts,
    "accuracy_plane": accuracy_plane,
    "generalization_law": generalization_law,
    "exponents": exponents,
    "loss_penalty_vs_sharpness": loss_penalty_vs_sharpness,
    "representation_vs_data": representation_vs_data,
    "sharpness_vs_id": sharpness_vs_id,
    "task_choice": task_choice,
    "representation_layers": representation_layers,
    "representation_peaks": representation_peaks,
}


#: What concludes from these.
CONCLUSIONS: dict[str, Callable[[Study, dict[str, pd.DataFrame]], pd.DataFrame]] = {
    "claims": claims,
    "comparison": comparison,
    "ranks": lambda study, tables: ranks(tables["comparison"]),
    "published_fits": lambda study, tables: published_fits(study.published),
}


def build_tables(study: Study) -> dict[str, pd.DataFrame]:
    """Every table of a study by its name; those of layers where it has them."""
    of_layers = ("representation_layers", "representation_peaks") if study.layers is None else ()
    tables = {name: build(study) for name, build in BUILDERS.items() if name not in of_layers}
    for name, conclude in CONCLUSIONS.items():
        tables[name] = conclude(study, tables)
    return tables
