import pytest

from tests.fakes.api_server import serving


@pytest.fixture
def api():
    with serving() as found:
        yield found
