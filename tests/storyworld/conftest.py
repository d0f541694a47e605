import pytest

from fabula.corpus.storyworld import Story, tell


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; deselect with -m 'not slow'")


@pytest.fixture(scope="session")
def sample() -> list[Story]:
    """Six hundred stories that every test may read."""
    return [tell(11, index) for index in range(600)]
