"""What logging costs a process that prints no colours."""

from __future__ import annotations

from tests.support import run_python


def test_rich_is_loaded_by_those_who_print_with_it() -> None:
    """A process that only logs goes without it; whoever wants it afterwards has it."""
    script = "import sys, kunobs.log; assert not [name for name in sys.modules if name.startswith('rich')]; import rich.console, kunobs.log; print('there')"
    done = run_python("-c", script)
    assert (done.stdout, done.stderr) == ("there\n", "")
