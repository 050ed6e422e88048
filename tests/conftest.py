"""What holds for every test."""

import signal

import pytest

# A shell that starts a job in the background leaves it SIGINT ignored, and children inherit that: the tests of Ctrl-C
# would test nothing. A handler, unlike an ignored signal, becomes the default again in a new program.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist's own, which reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes (``-n 2 --dist loadgroup``) a file stays in one, for its fixtures are made once a process.

    The conformance suite's files share what costs most, a runtime with a network loaded: there a runtime stays in one.
    """
    if config.getoption("dist", "no") != "loadgroup":
        return
    for item in items:
        group = item.nodeid.partition("::")[0]
        if group.startswith("tests/conformance/") and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            group = f"tests/conformance of {item.callspec.params.get('runtime')}"
        item.add_marker(pytest.mark.xdist_group(group))
