"""`rspt report`: one page that compares evaluations of the same episodes."""

import os
import sys
from argparse import Namespace

from rich.console import Console

from rspt.errors import UsageError
from rspt.evaluation.joining import joined
from rspt.evaluation.report import write_report
from rspt.evaluation.results import read_results
from rspt.evaluation.summary import check_baseline, summarize
from rspt.evaluation.table import table_of


def main(options: Namespace) -> int:
    """Write the page that the command line asks for; 0."""
    if options.out.suffix != ".html":
        raise UsageError(f"--out {options.out}: the name of a page ends in .html")
    results = joined([read_results(path) for path in options.results])
    if not results.lines:
        raise UsageError(f"{options.results[0]}: no episode has been played yet")
    check_baseline(options.baseline, list(results.about["agents"]))
    summary = summarize(results, baseline=options.baseline)
    write_report(
        results,
        summary,
        options.out,
        films=options.films,
        workers=options.workers or os.cpu_count() or 1,
        trust_pickle=options.trust_pickle,
    )
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    console.print(table_of(summary, results))
    console.print(f"The page to look at is {options.out}.")
    return 0
