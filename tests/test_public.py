"""The public names: what is exported is what is documented, and every name has an example."""

import matcher


def test_public_names() -> None:
    public = {name for name in vars(matcher) if not name.startswith("_")}
    modules = {name for name in public if type(vars(matcher)[name]).__name__ == "module"}
    assert public - modules == set(matcher.__all__)
    assert matcher.__all__ == sorted(matcher.__all__)
    assert len(matcher.__all__) <= 20


def test_every_public_name_has_an_example_that_runs_as_a_test() -> None:
    without = [
        name for name in matcher.__all__ if ">>>" not in (getattr(matcher, name).__doc__ or "")
    ]
    assert without == []
