"""What reruns what: no needless training, no stale result, and the table of docs/reruns.md."""

import pytest

from tests.workflow.reruns import CASES, PAGE, page, restored


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_change_reruns_what_depends_on_it(study, case):
    with restored(study):
        case.change(study)
        found = study.jobs()
    assert found == {rule: count for rule, count in case.jobs.items() if count}


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.workflow.reruns"
