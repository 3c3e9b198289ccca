"""A whole study of two tasks and two networks, in which the faults of a Bench happen."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflow.bench import environment_with
from tests.workflow.tiny import TASKS, Study, copy_project, write_images, write_study

#: Where a fault happens; the other task and the other network go on.
TASK, NETWORK = TASKS[0], "squeezenet1_1"
# More images are asked for than there are, so that a size can have too few.
SETTINGS = {
    "images": Path(), "pool_size": 100, "measured": [], "models": [NETWORK, "squeezenet1_0"],
    "n_train": [20], "attacks": ["fgsm"], "epsilons": [2],
}  # fmt: skip
#: Figures, which take longest, are left out.
TARGET = "results/tiny/tables/runs.csv"
ROOT = Path("results") / "tiny"
#: Where the files of a Bench are in a study.
_FILES = {
    "images.npy": f"data/{TASK}/images.npy",
    "samples.csv": f"data/{TASK}/samples.csv",
    "run.json": f"models/{TASK}/{NETWORK}/n20_s0.json",
    "run.pt": f"models/{TASK}/{NETWORK}/n20_s0.pt",
    "new": f"models/{TASK}/{NETWORK}",
    "attacks.csv": f"attacks/{TASK}/{NETWORK}.csv",
    "raw": "../../images",
    "results": ".",
}
#: What each stage makes; later stages need all of it.
_STAGES = {
    "prepare": [f"data/{TASK}/"],
    "train": ["properties/", *(f"models/{task}/{NETWORK}/" for task in TASKS)],
    "attack": ["attacks/", "representations/"],
    "tables": ["tables/"],
}


@dataclass
class Pipeline:
    """A study that was run once. Its stages are named as those of a Bench, and run to the end.

    Attributes:
        sound: every result of the study, by its name below `root`.
        code: the exit status of the last run.
    """

    study: Study
    sound: dict[str, bytes] = field(default_factory=dict)
    code: int = 0

    @property
    def root(self) -> Path:
        return self.study.folder / ROOT

    def __getitem__(self, name: str) -> Path:
        return self.root / _FILES[name]

    def prepare(self, inside: str = "") -> str:
        return self._from("prepare", inside, TASK)

    def train(self, inside: str = "", n_train: int | None = None) -> str:
        if n_train is not None:
            self.configure(n_train=[*SETTINGS["n_train"], n_train])
        return self._from("train", inside, TASK, NETWORK)

    def attack(self) -> str:
        return self._from("attack")

    def tables(self) -> str:
        return self._from("tables")

    def configure(self, **settings: object) -> None:
        write_study(self.study.folder, **SETTINGS | settings)

    def run(self, **options: object) -> str:
        done = self.study.snakemake(check=False, **options)
        self.code = done.returncode
        return done.stdout

    def clear(self, stage: str) -> None:
        """Delete what is made from this stage on; of the task alone if it is prepared again."""
        stages = list(_STAGES)
        for later in stages[stages.index(stage) :]:
            for name in _STAGES[later]:
                for file in (self.root / name).rglob("*.*"):
                    file.unlink()

    def made(self) -> list[str]:
        """Files that the training wrote, whole or half."""
        return sorted(file.name for file in self["new"].glob("*"))

    def results(self) -> dict[str, bytes]:
        """What is there now, with files that were half written, but without what jobs said."""
        files = [file for file in self.root.rglob("*") if file.is_file()]
        named = {str(file.relative_to(self.root)): file for file in files}
        return {name: file.read_bytes() for name, file in named.items() if name[:5] != "logs/"}

    def tables_made(self) -> dict[str, bytes]:
        """The tables that there are, without those of times."""
        found = self.results()
        return {
            name: found[name] for name in found if name[:7] == "tables/" and "timings" not in name
        }

    def lacking(self, stops: tuple[str, ...]) -> set[str]:
        """What will be lacking if these stop; tables need everything."""
        return {name for name in self.sound if stops and name.startswith((*stops, "tables/"))}

    def in_folder(self, folder: Path) -> "Pipeline":
        """A copy, which may be broken."""
        shutil.copytree(self.study.folder, folder)
        return Pipeline(Study(folder, self.study.project, self.study.arguments), self.sound)

    def _from(self, stage: str, inside: str = "", *words: str) -> str:
        self.clear(stage)
        return self.run(env=environment_with(inside, f"{stage}.py", *words))


def write_pipeline(folder: Path, project: Path) -> Pipeline:
    copy_project(project)
    write_images(folder)
    write_study(folder, **SETTINGS)
    arguments = "--configfile", "tiny.yaml", "--keep-going", "--", TARGET
    made = Pipeline(Study(folder, project, arguments))
    said = made.run()
    assert made.code == 0, said
    made.sound = made.results()
    return made
