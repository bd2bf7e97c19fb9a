"""Let pytest run the first case of every test before the others: where time is short, that finds more."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests."""
    first = {item.nodeid.partition("[")[0]: item for item in reversed(items)}
    chosen = {id(item) for item in first.values()}
    items.sort(key=lambda item: id(item) not in chosen)
