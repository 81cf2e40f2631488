"""--mode=report: the page of one finished training, or of several side by side; with --shareable, to be given away."""

import pathlib
from collections.abc import Sequence

from mccl_jax.modes.evaluate import REPORT, experiment_of
from mccl_jax.report.comparison import write_comparison
from mccl_jax.report.contents import Contents
from mccl_jax.report.page import write_report
from mccl_jax.report.shareable import shareable as without_participants

COMPARISON, SHAREABLE = "comparison", "-shareable"


def run(
    workdirs: Sequence[pathlib.Path], output: pathlib.Path | None = None, shareable: bool = False, say=print
) -> None:
    """Writes index.html, figures/ and README.txt into `output`, by default a folder of the first workdir.

    Raises UserError where a workdir has no results, or the folder cannot be written.
    """
    several = [Contents.of(workdir, experiment_of(workdir)) for workdir in workdirs]
    if shareable:
        several = [without_participants(one) for one in several]
    name = (COMPARISON if len(several) > 1 else REPORT) + (SHAREABLE if shareable else "")
    folder = output or workdirs[0] / name
    page = write_report(several[0], folder) if len(several) == 1 else write_comparison(several, folder)
    holds = (
        "no participant data: the folder can be given away" if shareable else "participant data: keep it to yourself"
    )
    say(f"report: {page} (holds {holds})")
