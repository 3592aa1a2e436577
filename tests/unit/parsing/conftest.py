import pytest

from penstock.parsing import ParseJob, ParserPool
from penstock.settings import ParserSettings


@pytest.fixture(scope="session")
def pool():
    """One real child for all tests of formats: starting it is most of the cost."""
    with ParserPool(ParserSettings(workers=1, memory_mb=384, max_output_mb=2)) as pool:
        pool.warm()
        yield pool


@pytest.fixture
def parse(pool):
    def parse_one(name, data):
        job = ParseJob("one", name, data.encode() if isinstance(data, str) else data)
        [(done, outcome)] = pool.parse_many([job])
        assert done is job
        return outcome

    return parse_one
