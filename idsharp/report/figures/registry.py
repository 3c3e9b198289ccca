"""Which function draws which figure, and from what."""

from collections.abc import Callable

from matplotlib.figure import Figure

from idsharp.report.figures import (
    accuracy,
    attacks,
    comparison,
    generalization,
    grids,
    properties,
    representations,
    samples,
)
from idsharp.report.selection import Results

Draw = Callable[[Results], Figure]

#: The figures of `report.contents.FIGURES`, by name.
FIGURES: dict[str, Draw] = {
    "samples": lambda of: samples.samples(of.samples(), of["datasets"]),
    "id_by_domain": lambda of: properties.id_by_domain(
        of["properties"], of.id_estimator, of.published("intrinsic_dimension")
    ),
    "sharpness_by_domain": lambda of: properties.sharpness_by_domain(
        of["properties"], of.published("label_sharpness")
    ),
    "closest_pairs": lambda of: samples.closest_pairs(of.closest_pairs(), of["datasets"]),
    "sharpness_over_m": lambda of: properties.sharpness_over_m(of["properties"]),
    "id_over_n": lambda of: properties.id_over_n(of["properties"], of.id_estimator),
    "id_over_k": lambda of: properties.id_over_k(of["properties"]),
    "accuracy_vs_id": lambda of: accuracy.accuracy_vs_id(
        of.rows("collections", losses="all"), of.accuracy_fits("mean"), of.published_lines()
    ),
    "slopes": lambda of: accuracy.slopes(of.accuracy_fits("mean", "line")),
    "accuracy_vs_n": lambda of: accuracy.accuracy_vs_n(of.runs),
    "accuracy_plane": lambda of: accuracy.accuracy_plane(
        of.runs, of.rows("accuracy_plane", model="all", id_of="task")
    ),
    "log_loss_vs_id": lambda of: generalization.log_loss_vs_id(of.runs),
    "log_loss_vs_rate": lambda of: generalization.log_loss_vs_rate(of.runs),
    "log_loss_vs_representation_id": lambda of: generalization.log_loss_vs_representation_id(
        of.runs
    ),
    "exponents": lambda of: generalization.exponents(of.rows("exponents", losses="all")),
    "observed_vs_predicted": lambda of: generalization.observed_vs_predicted(
        of.rows("predictions", losses="all", dimension="pool_id")
    ),
    "loss_penalty_vs_sharpness": lambda of: attacks.loss_penalty_vs_sharpness(
        of.rows("penalty_points", epsilon_255=of.shown_epsilon, model="all"),
        of.penalty_fits(),
        of.shown_epsilon,
        of.sharpness_m,
    ),
    "attack_examples": lambda of: attacks.attack_examples(
        of.examples(), of["datasets"], of.shown_epsilon
    ),
    "representation_vs_data": lambda of: representations.representation_vs_data(
        of.runs, of.representation_estimator
    ),
    "id_by_layer": lambda of: representations.id_by_layer(
        of.layers, f"representation_{of.representation_estimator}"
    ),
    "comparison": lambda of: comparison.comparison(of["comparison"]),
}

#: Those of `report.contents.GRIDS`.
GRIDS: dict[str, Draw] = {
    "accuracy_vs_id": lambda of: grids.accuracy_vs_id(of.runs),
    "log_loss_vs_id": lambda of: grids.log_loss_vs_id(of.runs),
    "log_loss_vs_representation_id": lambda of: grids.log_loss_vs_representation_id(of.runs),
}
