"""The `rspt` command: a thin shell of subcommands, each of which loads its modules only when it is called."""

import argparse
import difflib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import rspt
from envs.errors import LayoutError, PhysicsError, RenderError, TrackError, WorkerError
from rspt.errors import UsageError


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        named = re.search(r"(?:unrecognized arguments:|invalid choice:) '?([^' ]+)", message)
        near = (
            difflib.get_close_matches(named[1], [*self._option_string_actions, *self.commands()], n=1) if named else []
        )
        raise UsageError(f"{message}; did you mean {near[0]}?" if near else f"{message} (see {self.prog} --help)")

    def commands(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of the subcommands by their names."""
        parsers: dict[str, argparse.ArgumentParser] = {}
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers.update(action.choices)
        return parsers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 2 for wrong input, 130 after Ctrl-C."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads wait for each other longer than these networks take
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except (UsageError, LayoutError, TrackError) as error:
        return _failed(error, 2)
    except (PhysicsError, RenderError, WorkerError) as error:
        return _failed(error, 1)
    except BrokenPipeError:
        # what is still in the buffer goes nowhere, without another complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _failed(error, 1)
    except KeyboardInterrupt:
        return 130


def _failed(error: Exception, code: int) -> int:
    text = " ".join(str(error).split())
    print(f"rspt: error: {text}", file=sys.stderr)  # noqa: T201
    return code


def _run(arguments: list[str]) -> int:
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.command == "train":
        options.overrides = rest  # the recipe's keys, which only its model knows
    elif rest:
        parser.commands().get(options.command, parser).error(f"unrecognized arguments: {' '.join(rest)}")
    if options.command is None:
        parser.print_help()
        return 0
    module: Any = importlib.import_module(f"rspt.{options.command}")
    code: int = module.main(options)
    sys.stdout.flush()
    return code


def _parser() -> _Parser:
    parser = _Parser(
        prog="rspt", description=rspt.__doc__.splitlines()[0] if rspt.__doc__ else None, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"rspt {rspt.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_demo(commands)
    _add_play(commands)
    _add_layouts(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_report(commands)
    _add_export(commands)
    commands.add_parser(
        "doctor",
        allow_abbrev=False,
        help="show versions, renderers and more, take first steps, and tell any trouble with its remedy",
    )
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", allow_abbrev=False, help="a first video, a small training, and a page that compares trackers"
    )
    demo.add_argument(
        "--layout",
        nargs="+",
        metavar="NAME|FILE",
        help="families or map files (ROS map.yaml, MovingAI .map, text) to play instead of those of the config",
    )
    demo.add_argument("--out", type=Path, default=Path("demo"), help="folder of all that (default: demo)")
    demo.add_argument("--config", default="demo", metavar="NAME|FILE", help="recipe to play (default: demo)")


def _add_play(commands: Any) -> None:
    play = commands.add_parser("play", allow_abbrev=False, help="watch one tracker follow one target")
    play.add_argument("--agent", default="pretrained", metavar="NAME|PATH", help="tracker (default: pretrained)")
    play.add_argument("--layout", default="rooms", metavar="NAME|FILE", help="family or map file (default: rooms)")
    play.add_argument(
        "--target-policy",
        default="goal",
        metavar="NAME|PATH",
        help="script, `learned`, `learned-heldout` or a file (default: goal)",
    )
    play.add_argument("--seed", type=_seed, default=0, metavar="N", help="of the episode (default: 0)")
    play.add_argument("--speed-ratio", type=float, default=0.7, metavar="X", help="target's speed (default: 0.7)")
    play.add_argument("--noise", default="none", metavar="NAME", help="preset of noise (default: none)")
    play.add_argument("--out", type=Path, metavar="FILE", help="video (default: a window, where there is a display)")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**31 - 1}")
    return int(text)


def _add_layouts(commands: Any) -> None:
    layouts = commands.add_parser("layouts", allow_abbrev=False, help="draw layouts from above into one picture")
    layouts.add_argument("layout", nargs="*", metavar="NAME|FILE", help="families or map files (default: all families)")
    layouts.add_argument("--out", type=Path, default=Path("gallery.png"), help="picture (default: gallery.png)")
    layouts.add_argument("--seeds", type=_positive_int, default=3, metavar="N", help="of each family (default: 3)")
    layouts.add_argument("--size", type=float, metavar="M", help="side of generated layouts in metres")
    layouts.add_argument("--cell", type=float, metavar="M", help="metres per cell of MovingAI maps")


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train", allow_abbrev=False, help="train what a recipe describes: a tracker, or the trajectory predictor"
    )
    train.add_argument("--config", required=True, metavar="NAME|FILE", help="recipe, `rspt` for instance")
    train.add_argument("--out", type=Path, required=True, help="folder of weights, checkpoints and curves")
    train.add_argument("--resume", action="store_true", help="go on with the training in --out")
    train.add_argument(
        "--total-steps", type=_steps, metavar="N", help="steps of the worlds in all stages, shared out as in the recipe"
    )
    train.add_argument("--device", default="cpu", metavar="NAME", help="where the duel learns: cpu or cuda")
    train.usage = "rspt train --config NAME|FILE --out FOLDER [--resume] [--total-steps N] [--section.key VALUE ...]"
    train.epilog = "Any key of the recipe can be given too, such as --seed 3 or --teacher.batch_size 256."


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate", allow_abbrev=False, help="measure trackers on the frozen episodes of a suite, with intervals"
    )
    evaluate.add_argument(
        "--agents",
        nargs="+",
        default=["pretrained"],
        metavar="NAME|PATH",
        help="names, paths of trained ones, module:factory, .zip of stable-baselines3, each also label=NAME"
        " (default: pretrained)",
    )
    evaluate.add_argument("--suite", default="unseen", metavar="NAME|FILE", help="what is played (default: unseen)")
    evaluate.add_argument(
        "--layouts", nargs="+", metavar="NAME|FILE|FOLDER", help="families, maps or folders of maps instead"
    )
    evaluate.add_argument(
        "--buildings", type=Path, metavar="FILE.csv", help="which building each map is of (columns map, building, kind)"
    )
    evaluate.add_argument("--targets", nargs="+", metavar="NAME|PATH", help="targets instead of the suite's")
    evaluate.add_argument("--episodes", type=int, default=100, metavar="N", help="of each layout (default: 100)")
    evaluate.add_argument("--localizer", metavar="NAME", help="mask, box or video instead of the suite's")
    evaluate.add_argument("--out", type=Path, metavar="FOLDER", help="of the results (default: results/VERSION)")
    evaluate.add_argument("--resume", action="store_true", help="go on with what --out holds; agents may be added")
    _add_reporting(evaluate)


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report", allow_abbrev=False, help="one page that compares evaluations of the same episodes"
    )
    report.add_argument("results", nargs="+", type=Path, metavar="FOLDER", help="that `rspt evaluate` has made")
    report.add_argument("--out", type=Path, default=Path("report.html"), help="the page (default: report.html)")
    _add_reporting(report)


def _add_reporting(parser: argparse.ArgumentParser) -> None:
    """What `evaluate` and `report` share."""
    parser.add_argument("--baseline", metavar="LABEL", help="whom to compare with (default: the first agent)")
    parser.add_argument("--films", type=_films, default=30, metavar="N", help="on the page, 0 to 30 (default: 30)")
    parser.add_argument("--workers", type=_positive_int, metavar="N", help="processes (default: one per core)")
    parser.add_argument(
        "--trust-pickle", action="store_true", help="load models of stable-baselines3, which can run any code"
    )


def _add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export", allow_abbrev=False, help="write a trained tracker as a file of stable-baselines3"
    )
    export.add_argument("agent", metavar="NAME|PATH", help="`pretrained`, a run, a checkpoint or a file")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="the file to write")


def _steps(text: str) -> int:
    value = int(text.replace("_", "")) if text.replace("_", "").isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return value


def _films(text: str) -> int:
    value = int(text) if text.isdecimal() else 31
    if value > 30:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 30")
    return value


def _positive_int(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 100")
    return value
