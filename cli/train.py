"""`motionimit train`: a group; `attlwb`, `pg2` and `rsa` train a network, the other commands make what they are trained on."""

from __future__ import annotations

import os
from typing import Any

import click

from .options import PATH, F, quiet_options, seed_option, together
from .progress import progress_display
from .real import command as real
from .session import INTERRUPTED
from .stills import command as stills
from .synth import command as synth

_OWN = ("data", "out", "size", "ablation", "perceptual", "start_from", "resume", "device", "threads")


class TrainGroup(click.Group):
    """Takes `train --model NAME …` for `train NAME …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["--model"] and len(args) > 1:
            args = args[1:]
        elif args and args[0].startswith("--model="):
            args = [args[0].partition("=")[2], *args[1:]]
        return super().parse_args(ctx, args)


@click.group("train", cls=TrainGroup)
def command() -> None:
    """Train a network: attlwb (the generator of videos), pg2 or rsa (stills). `--model NAME` is another way to say NAME.

    The same command again goes on where the last stretch stopped. Ctrl-C, SIGTERM and the end of --minutes finish the step and
    write a checkpoint. For several GPUs run 'torchrun --nproc-per-node N -m motionimit_cli.main train …'.

    \b
    Examples:
      motionimit train synth --assets makehuman -o pairs
      motionimit train attlwb --data pairs --out run --minutes 110
      motionimit train stills --assets makehuman -o stills
      motionimit train --model pg2 --data stills --out run
    """


training_options = together(
    click.option("--data", type=PATH, required=True, metavar="FOLDER", help="Training pairs."),
    click.option("--out", type=PATH, required=True, metavar="FOLDER", help="Checkpoint, log, sheets and weights go here."),
    click.option(
        "--steps", type=int, default=20_000, show_default=True, help="Steps in all; the learning rate falls until the last."
    ),
    click.option("--minutes", type=float, metavar="M", help="Stop with a checkpoint after M minutes."),
    click.option("--batch", type=int, default=4, show_default=True, help="Examples per step and process."),
    click.option("--lr", type=float, default=5e-4, show_default=True, help="Learning rate after the warm-up."),
    click.option("--weight", multiple=True, metavar="NAME=X", help="Weigh one term of the loss differently; may be repeated."),
    click.option("--adversarial-from", type=int, default=2000, show_default=True, help="Step at which the discriminators join."),
    seed_option,
    click.option("--resume/--fresh", default=None, help="Demand or ignore the checkpoint in --out.  [default: use it if there]"),
    click.option("--start-from", type=PATH, metavar="FILE", help="Begin with the weights of a hand-over or weight file."),
    click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N."),
    click.option(
        "--precision",
        type=click.Choice(["auto", "no", "fp16", "bf16"]),
        default="auto",
        show_default=True,
        help="auto: bf16 on a GPU that has it. On the CPU bf16 pays if it has AVX512-BF16 or AMX.",
    ),
    click.option("--threads", type=int, metavar="N", help="Threads of torch on the CPU.  [default: all cores]"),
    click.option("--log-every", type=int, default=20, show_default=True, metavar="N", help="Steps between lines of the log."),
    click.option("--sheet-every", type=int, default=500, show_default=True, metavar="N", help="Steps between sheets."),
    click.option("--checkpoint-every", type=int, default=250, show_default=True, metavar="N", help="Steps between checkpoints."),
    quiet_options,
)
"""What all networks' trainings take."""


def perceptual_option(function: F) -> F:
    text = "LPIPS weights.  [default: a Laplacian pyramid stands in]"
    return click.option("--perceptual", type=PATH, metavar="FILE.npz", help=text)(function)


@command.command("attlwb")
@click.option("--frames", type=int, default=2, show_default=True, help="Consecutive frames per example, 1 or 2.")
@click.option("--size", type=click.Choice(["small", "base"]), default="small", show_default=True, help="The network's size.")
@click.option(
    "--ablation",
    type=click.Choice(["full", "no-semantics", "add", "no-correspondence"]),
    default="full",
    show_default=True,
    help="Leave one part of the network out.",
)
@perceptual_option
@training_options
def attlwb(**options: Any) -> int:
    """Train the generator of videos on pairs of 'motionimit train synth' and 'train real'.

    \b
    Examples:
      motionimit train attlwb --data pairs --out run --steps 20000 --minutes 110
      motionimit train attlwb --data pairs --out run --perceptual lpips_alex.npz
      motionimit train attlwb --data pairs --out add --ablation add --seed 1
      motionimit train attlwb --data pairs --out run2 --start-from run/handover.safetensors
    """
    return _trained("attlwb", options)


@command.command("pg2")
@click.option("--size", type=click.Choice(["256", "128x64"]), default="256", show_default=True, help="Of the pictures.")
@click.option("--refine-from", type=int, default=2500, show_default=True, help="Step at which stage II takes over from stage I.")
@training_options
def pg2(**options: Any) -> int:
    """Train PG², the two-stage network for stills, on pairs of 'motionimit train stills'. It has no perceptual loss.

    \b
    Examples:
      motionimit train pg2 --data stills --out run --steps 5000 --refine-from 2500 --adversarial-from 3000
      motionimit train pg2 --data stills --out market --size 128x64 --batch 16
    """
    return _trained("pg2", options)


@command.command("rsa")
@click.option("--size", type=click.Choice(["256", "128", "128x64"]), default="256", show_default=True, help="Of the pictures.")
@click.option(
    "--ablation", type=click.Choice(["full", "no-semantics"]), default="full", show_default=True, help="Without parsing maps?"
)
@perceptual_option
@training_options
def rsa(**options: Any) -> int:
    """Train RSA-GAN for stills on pairs of 'motionimit train stills'.

    \b
    Examples:
      motionimit train rsa --data stills --out run --perceptual lpips_alex.npz
      motionimit train rsa --data stills --out coarse --size 128
      motionimit train rsa --data stills --out run --start-from coarse/handover.safetensors
      motionimit train rsa --data stills --out plain --ablation no-semantics
    """
    return _trained("rsa", options)


def _trained(model: str, options: dict[str, Any]) -> int:
    # torch reads this when it loads: threads that spin while they wait cost tenfold beside any other work on the machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from motionimit.training.job import TrainJob, train
    from motionimit.training.recipes import RECIPES
    from motionimit.training.settings import TrainSettings

    quiet, weight = options.pop("quiet"), options.pop("weight")
    where = {name: options.pop(name) for name in _OWN if name in options}
    settings = TrainSettings(weights=RECIPES[model].weights().changed(weight), **options)
    job = TrainJob(settings=settings, model=model, **where)

    def note(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    with progress_display(quiet) as progress:
        outcome = train(job, progress, note)
    if not quiet:
        end = {"finished": "finished", "time": "stopped as asked", "interrupted": "interrupted"}[outcome.reason]
        click.echo(f"{end} after {outcome.steps} of {job.settings.steps} steps; checkpoint, log and weights are in {job.out}")
    return INTERRUPTED if outcome.reason == "interrupted" else 0


command.add_command(real)
command.add_command(synth)
command.add_command(stills)
