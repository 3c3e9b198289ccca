"""Records of attacks follow from the outcomes of single images."""

import numpy as np

from idsharp.attacks.outcomes import Outcomes, attack_records
from tests.attacks.conftest import FGSM_ALONE


def test_an_image_that_an_attack_sets_right_is_not_robust():
    clean, attacked = np.array([True, True, False, False]), np.array([True, False, True, False])
    numbers = np.zeros((2, 4))
    fared = Outcomes(numbers, numbers, np.array([clean, attacked]), np.zeros(4, bool))
    (record,) = attack_records(fared, FGSM_ALONE)
    assert (record["n_attacked_correct"], record["n_robust"]) == (2, 1)
    assert (record["attacked_accuracy"], record["robust_accuracy"]) == (0.5, 0.25)
