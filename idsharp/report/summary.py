"""A study on one page of Markdown."""

from collections.abc import Callable

import pandas as pd

from idsharp.properties.estimators import ESTIMATORS
from idsharp.report.contents import FIGURES

#: Share of test images without a gradient above which the summary says so.
_VANISHED = 0.01


def summarize(
    title: str,
    note: str,
    tables: dict[str, pd.DataFrame],
    captions: dict[str, str],
    sources: pd.DataFrame,
    epsilon: int,
) -> str:
    """Markdown with the main numbers of the tables, and every figure with its caption.

    Args:
        note: what must be said of the whole study, or nothing.
        tables: the study's tables by name.
        captions: a caption in words for each figure that the study has.
        sources: dataset, title, url, licence and citation of the datasets that are known.
        epsilon: the bound of the attacks that are shown, in 1/255.
    """
    datasets, runs, attacks = tables["datasets"], tables["runs"], tables["attacks"]
    parts = [f"# {title}", *([f"> {note}"] if note else []), _about(datasets, runs)]
    parts += _notes(datasets)
    parts += ["## Datasets", _datasets(datasets), "## Networks", _networks(runs, attacks, epsilon)]
    parts += [*_attack_notes(attacks), "## Laws", *_laws(tables), "## Figures"]
    for figure in FIGURES:
        if figure.name in captions:
            image = f"![{figure.heading}](figures/{figure.name}.png)"
            parts += [f"### {figure.heading}", image, captions[figure.name]]
    parts += _sources(datasets, sources)
    parts.append(
        "All numbers are in `tables/` (CSV and LaTeX); `tables/columns.csv` gives the unit and "
        "meaning of every column."
    )
    return "\n\n".join(parts) + "\n"


def markdown_table(table: pd.DataFrame, columns: dict[str, tuple[str, Callable]]) -> str:
    """A Markdown table of some columns, each with a heading and a way to write its values."""
    lines = ["| " + " | ".join(heading for heading, _ in columns.values()) + " |"]
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in columns]
    lines.append("|" + "|".join("---:" if number else "---" for number in numeric) + "|")
    for _, row in table.iterrows():
        cells = (
            "–" if pd.isna(row[name]) else write(row[name]) for name, (_, write) in columns.items()
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _about(datasets: pd.DataFrame, runs: pd.DataFrame) -> str:
    sizes = ", ".join(str(n) for n in sorted(runs["n_train"].unique()))
    size, channels = datasets["image_size"].iloc[0], sorted(datasets["channels"].unique())
    text = (
        f"{len(datasets)} tasks, images of {size}×{size} pixels and "
        f"{' or '.join(map(str, channels))} channel{'s' if channels != [1] else ''}; "
        f"{len(runs)} trained networks "
        f"({', '.join(dict.fromkeys(runs['model']))}; N = {sizes}; {runs['seed'].nunique()} "
        f"seed{'s' if runs['seed'].nunique() > 1 else ''})."
    )
    for status, group in runs[runs["status"] != "ok"].groupby("status"):
        tasks = ", ".join(group["task"].unique())
        text += f" **{status.capitalize()}: {len(group)}** ({tasks}), left out of every fit."
    constant = runs[runs["constant_output"].eq(True)]
    if len(constant):
        text += (
            f" **{len(constant)} networks answer every image alike** "
            f"({', '.join(constant['model'].unique())}): they learned nothing, and are left "
            "out of every fit."
        )
    return text


def _notes(datasets: pd.DataFrame) -> list[str]:
    noted = datasets.dropna(subset=["note"])
    return [f"> **{', '.join(group['task'])}: {note}.**" for note, group in noted.groupby("note")]


def _datasets(datasets: pd.DataFrame) -> str:
    ordered = datasets.sort_values(["domain", "task"])
    fewer = ordered[ordered["n_pool"] < ordered["n_pool_requested"]]
    text = markdown_table(
        ordered,
        {
            "task": ("task", str),
            "domain": ("domain", str),
            "classes": ("classes", _cell),
            "n_pool": ("n", _whole),
            "n_duplicates": ("duplicates", _whole),
            "n_label_conflicts": ("label conflicts", _whole),
            **{
                column: (text, _two)
                for name, estimator in ESTIMATORS.items()
                for column, text in ((name, f"ID, {estimator.short}"), (f"{name}_se", "± SE"))
            },
            "label_sharpness": ("K_F at M", _three),
            "label_sharpness_sd": ("± SD", _three),
            "label_sharpness_m": ("M", _whole),
            "label_sharpness_all": ("K_F, all pairs", _three),
            "label_sharpness_resolution_free": ("K_F at M, res.-free", _three),
        },
    )
    text += "\n\nK_F is in 1/intensity (8 bit), res.-free in units of the full range; n in images."
    if len(fewer):
        listed = ", ".join(
            f"{r.task} {r.n_pool} of {r.n_pool_requested}" for r in fewer.itertuples()
        )
        text += f" The data gave fewer images than the study asks for: {listed}."
    return text


def _sources(datasets: pd.DataFrame, sources: pd.DataFrame) -> list[str]:
    used = sources[sources["dataset"].isin(datasets["dataset"])]
    lines = [
        f"- {row.dataset}: [{row.title}]({row.url}). Licence: {row.licence}. {row.citation}."
        for row in used.itertuples()
    ]
    return ["## Sources", "\n".join(lines)] if lines else []


def _networks(runs: pd.DataFrame, attacks: pd.DataFrame, epsilon: int) -> str:
    keys = ["task", "domain", "model", "n_train", "seed"]
    rows = runs[runs["n_train"] == runs["n_train"].max()]
    columns = {
        "task": ("task", str),
        "model": ("model", str),
        "n_train": ("N", _whole),
        "test_loss": ("test loss [nats]", _three),
        "highest_test_accuracy": ("highest accuracy", _three),
        "data_id": ("d_data", _two),
        "representation_id": ("d_repr", _two),
    }
    for attack in attacks["attack"].unique():
        penalty, accuracy = f"{attack}_penalty", f"{attack}_accuracy"
        shown = attacks[(attacks["attack"] == attack) & (attacks["epsilon_255"] == epsilon)]
        shown = shown.rename(columns={"loss_penalty": penalty, "attacked_accuracy": accuracy})
        rows = rows.merge(shown[[*keys, penalty, accuracy]], on=keys)
        name = f"{attack.upper()} ε = {epsilon}/255"
        columns[penalty] = (f"penalty, {name} [nats]", _three)
        columns[accuracy] = (f"accuracy, {name}", _three)
    text = markdown_table(rows.sort_values(["domain", "task", "model", "seed"]), columns)
    return text + "\n\nThe largest N only; `tables/runs.csv` and `tables/attacks.csv` have all."


def _attack_notes(attacks: pd.DataFrame) -> list[str]:
    """What casts doubt on attacks: gradients that vanish, and PGD that does less than FGSM."""
    keys, notes = ["task", "model", "n_train", "seed"], []
    attacks = attacks[attacks["status"] == "ok"]
    networks = attacks.drop_duplicates(keys)
    share = networks["n_zero_gradient"] / networks["n_test_images"]
    if (share > _VANISHED).any():
        notes.append(
            f"> **Vanishing gradients: on {(share > _VANISHED).sum()} of {len(networks)} networks "
            f"more than {100 * _VANISHED:.0f} % of the test images have no gradient "
            f"(most: {100 * share.max():.0f} %, {_network(networks.loc[share.idxmax()])}).** No "
            "attack moves these images: losses and accuracies under attack look better than they "
            "are. In float32, gradients underflow where logits differ by about 100."
        )
    both = attacks[attacks["attack"] == "fgsm"].merge(
        attacks[attacks["attack"] == "pgd"], on=[*keys, "epsilon_255"], suffixes=("_fgsm", "_pgd")
    )
    # Both attack the same images, so that the interval is wider than the noise of the difference.
    weaker = both[both["attacked_accuracy_low_pgd"] > both["attacked_accuracy_fgsm"]]
    if len(weaker):
        gap = weaker["attacked_accuracy_pgd"] - weaker["attacked_accuracy_fgsm"]
        most = weaker.loc[gap.idxmax()]
        notes.append(
            f"> **PGD does less than FGSM in {len(weaker)} of {len(both)} cases (networks and ε), "
            f"most at ε = {most['epsilon_255']:.0f}/255 on {_network(most)}: accuracy "
            f"{most['attacked_accuracy_pgd']:.3g} against {most['attacked_accuracy_fgsm']:.3g}.** "
            f"Gradients mislead there (masking), or PGD needs more steps."
        )
    return notes


def _network(row: pd.Series) -> str:
    return f"{row['task']}, {row['model']}, N = {row['n_train']}, seed {row['seed']}"


def _laws(tables: dict[str, pd.DataFrame]) -> list[str]:
    """What the study says of each claim of the papers."""
    claims = tables["claims"]
    lines = [f"- {sentence}" for sentence in claims.loc[claims["is_primary"], "sentence"]]
    if "representation_peaks" in tables:
        lines += _peaks(tables["representation_peaks"])
    return ["\n".join(lines)]


def _peaks(peaks: pd.DataFrame) -> list[str]:
    """Where the representation's dimension is highest, over all networks."""
    lines = []
    for _, row in peaks[(peaks["model"] == "all") & (peaks["kind"] != "height")].iterrows():
        what = f"Peak of d_repr over layers, {row['domain']}:"
        if pd.isna(row["estimate"]):
            lines.append(f"- {what} not measured ({row['reason']}).")
            continue
        interval = f"95 % interval {row['low']:.2f} to {row['high']:.2f}"
        bracket = interval if pd.isna(row["reason"]) else row["reason"]
        n = f"{row['n_collections']:.0f} collections"
        lines.append(f"- {what} depth {row['estimate']:.2f} ({bracket}), {n}.")
    return lines


def _cell(text: str) -> str:
    """Words in a table whose cells are divided by |."""
    return text.replace("|", "/")


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _two(value: float) -> str:
    return f"{value:.2f}"


def _three(value: float) -> str:
    return f"{value:.3g}"
