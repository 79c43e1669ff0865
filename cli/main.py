"""`motionimit`: the group of commands. Commands are imported only when they are called, so that `--help` answers at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from motionimit import __version__

from .session import run_session

# name → (module, one line for the list of commands)
COMMANDS = {
    "transfer": ("transfer", "Make the person of a photo move like the person of a video."),
    "swap": ("swap", "Dress a person in the clothes of other photos."),
    "view": ("view", "Show the person of a photo from other sides."),
    "pose": ("pose", "Show the person of a photo in another pose."),
    "avatar": ("avatar", "Prepare photos of a person once, as a file and as a mesh."),
    "fit": ("fit", "Recover body shape and motion from a video or photo."),
    "personalize": ("personalize", "Fine-tune the learned generator on photos of one person."),
    "train": ("train", "Train the learned generator."),
    "evaluate": ("evaluate", "Measure how good results are, and write a report."),
    "bench": ("bench", "Measure how fast this machine is."),
    "sheet": ("sheet", "Put a photo, its driver and the result on one contact sheet."),
    "doctor": ("doctor", "Check this installation and say what to do about each miss."),
}


class LazyGroup(click.Group):
    """Knows the commands' names and lines without importing the modules behind them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="motionimit")
@click.option("--debug", is_flag=True, help="Show tracebacks and the messages of native libraries.")
def cli(debug: bool) -> None:
    """Make the person in a photo move like the person in a video.

    \b
    Examples:
      motionimit transfer photo.jpg dance.mp4
      motionimit transfer photo.jpg dance.mp4 -o out.mp4 --size 768 --side-by-side
      motionimit transfer front.jpg back.jpg dance.mp4
      motionimit swap photo.jpg clothes.jpg --parts upper
      motionimit view photo.jpg --pose a
      motionimit pose photo.jpg other.jpg
      motionimit fit dance.mp4 -o motion.npz --overlay overlay.mp4
      motionimit doctor

    Exit codes: 0 done, 1 failed, 2 bad usage, 3 bad input, 4 missing model file, 130 interrupted.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never raises for anything a user can meet."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run_session(cli, arguments)


if __name__ == "__main__":
    sys.exit(main())
