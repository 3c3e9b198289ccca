"""Rules track the code they run, and Snakemake is told how to run it."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "rules"))
from helpers import code_for, files_for, last_words, switch_off_job_rate_timer

SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))


def names_for(*arguments):
    return [file.relative_to(ROOT).as_posix() for file in files_for(ROOT, *arguments)]


def test_found_modules_cover_what_a_script_really_imports():
    code = (
        "import importlib, json, sys\n"
        "found = {}\n"
        "for script in sys.argv[1:]:\n"
        "    for name in [n for n in sys.modules if n.split('.')[0] in ('idsharp', 'scripts')]:\n"
        "        del sys.modules[name]\n"
        "    importlib.import_module(f'scripts.{script}')\n"
        "    modules = [m for n, m in sys.modules.items() if n.split('.')[0] == 'idsharp']\n"
        "    found[script] = [m.__file__ for m in modules]\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *SCRIPTS], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for script, files in json.loads(done.stdout.splitlines()[-1]).items():
        tracked = set(map(str, files_for(ROOT, script)))
        missing = set(files) - tracked
        assert not missing, f"{script} imports {missing}, which its rule does not track"
        assert files


def test_scripts_do_not_depend_on_what_they_do_not_import():
    assert {"scripts/attack.py", "idsharp/attacks/gradient.py"} <= set(names_for("attack"))
    assert "idsharp/properties/dimension.py" not in names_for("train")
    assert "idsharp/attacks/gradient.py" not in names_for("train")
    assert code_for(ROOT, "attack") != code_for(ROOT, "train")


def test_a_dataset_depends_on_its_own_adapter_alone():
    folder = "idsharp/datasets/collections"
    for script in ("locate", "index", "prepare"):
        code = names_for(script, "idsharp.datasets.collections.brats")
        assert {f"{folder}/brats.py", f"{folder}/brain_slices.py"} <= set(code)
        assert not {f"{folder}/duke.py", f"{folder}/medmnist.py"} & set(code)


@pytest.mark.parametrize("file", sorted((ROOT / "rules").glob("*.smk")), ids=lambda path: path.stem)
def test_every_rule_with_a_script_tracks_it(file):
    for rule in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
        tracked = re.findall(r'\bcode_for(?:_dataset)?\("(\w+)"', rule)
        assert len(set(tracked)) == 1, rule.splitlines()[0]
        assert tracked[0] in SCRIPTS
        assert f'script=SCRIPTS / "{tracked[0]}.py"' in rule
        assert '"python {params.script} ' in rule


def test_parsing_the_workflow_does_not_import_torch():
    code = (
        "import sys; sys.path[:0] = ['rules', '.']; import helpers, idsharp.report.contents, "
        "idsharp.study.availability, idsharp.study.check; "
        "assert not {'torch', 'matplotlib', 'scipy', 'statsmodels', 'pydicom'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("limit", "local", "kept"),
    [(None, True, False), ("20/1m", True, True), (None, False, True)],
)
def test_the_limit_of_jobs_goes_where_it_is_the_default_and_jobs_run_here(limit, local, kept):
    from snakemake.cli import get_argument_parser
    from snakemake.scheduling.job_scheduler import JobRateLimiter

    arguments = ["--max-jobs-per-timespan", limit] if limit else []
    asked = get_argument_parser().parse_args(arguments).max_jobs_per_timespan
    scheduler = SimpleNamespace(
        job_rate_limiter=JobRateLimiter(asked), workflow=SimpleNamespace(local_exec=local)
    )
    switch_off_job_rate_timer(scheduler)
    assert (scheduler.job_rate_limiter is not None) == kept


def test_snakemakes_timers_still_pile_up(tmp_path):
    """Fails once Snakemake is cured: `switch_off_job_rate_timer` can then be deleted."""
    (tmp_path / "Snakefile").write_text(
        "rule all:\n    input: [f'{i}.txt' for i in range(12)]\n"
        "rule one:\n    output: '{i}.txt'\n    shell: 'sleep 0.2; touch {output}'\n"
    )
    code = (
        "import threading\n"
        "from snakemake.cli import main\n"
        "from snakemake.scheduling.job_scheduler import JobScheduler\n"
        "plan, most = JobScheduler._schedule_reevalutation, 0\n"
        "def counted(self, delay):\n"
        "    global most\n"
        "    plan(self, delay)\n"
        "    pending = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]\n"
        "    most = max(most, len(pending))\n"
        "JobScheduler._schedule_reevalutation = counted\n"
        "try:\n"
        "    main(['--cores', '1', '--quiet', 'all'])\n"
        "finally:\n"
        "    print('pending at once:', most)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    found = re.search(r"pending at once: (\d+)", done.stdout)
    assert found, done.stderr
    assert int(found[1]) > 2, "Snakemake plans one look at a time: delete the workaround"


def test_at_its_end_a_run_says_once_what_failed_jobs_said_last(tmp_path):
    shown = "Error in rule train:\nLogfile {}:\n=====\n{}\n=====\nExecute 1 jobs...\n"
    said = [("a.log", "epoch 1/2\nerror: FILE is damaged"), ("b.log", "error: FILE is damaged"),
            ("c.log", "Traceback\n=\nKeyError: 1")]  # fmt: skip
    log = tmp_path / "snakemake.log"
    log.write_text("".join(shown.format(*one) for one in said) + "Logfile d.log: empty file\n")
    assert last_words([log]).splitlines() == [
        "What failed jobs said last:",
        "  error: FILE is damaged (a.log and 1 more)",
        "  KeyError: 1 (c.log)",
    ]
    log.write_text("Nothing to be done\n")
    assert last_words([log]) == ""
