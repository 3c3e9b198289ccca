"""What the tests of datasets share."""

import pytest

from tests.datasets.loopback import loopback


@pytest.fixture
def server():
    with loopback() as server:
        yield server
