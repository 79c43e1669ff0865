"""`motionimit train`: a group; `attlwb` trains the generator."""

from __future__ import annotations

import os
from typing import Any

import click

from .options import PATH, quiet_options, seed_option
from .progress import progress_display
from .real import command as real
from .session import INTERRUPTED
from .synth import command as synth


@click.group("train")
def command() -> None:
    """Train the attentional generator.

    \b
    Examples:
      motionimit train attlwb --data pairs --out run
      motionimit train attlwb --data pairs --out run --minutes 110
    """


@command.command("attlwb")
@click.option("--data", type=PATH, required=True, metavar="FOLDER", help="Training pairs.")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="Checkpoint, log, sheets and weights go here.")
@click.option(
    "--steps", type=int, default=20_000, show_default=True, help="Steps in all; the learning rate falls until the last."
)
@click.option("--minutes", type=float, metavar="M", help="Stop with a checkpoint after M minutes.")
@click.option("--batch", type=int, default=4, show_default=True, help="Examples per step and process.")
@click.option("--frames", type=int, default=2, show_default=True, help="Consecutive frames per example, 1 or 2.")
@click.option("--size", type=click.Choice(["small", "base"]), default="small", show_default=True, help="The network's size.")
@click.option(
    "--ablation",
    type=click.Choice(["full", "no-semantics", "add", "no-correspondence"]),
    default="full",
    show_default=True,
    help="Leave one part of the network out.",
)
@click.option("--perceptual", type=PATH, metavar="FILE.npz", help="LPIPS weights.  [default: a Laplacian pyramid stands in]")
@click.option("--lr", type=float, default=5e-4, show_default=True, help="Learning rate after the warm-up.")
@click.option(
    "--weight", "weight", multiple=True, metavar="NAME=X", help="Weigh one term of the loss differently; may be repeated."
)
@click.option("--adversarial-from", type=int, default=2000, show_default=True, help="Step at which the discriminators join.")
@seed_option
@click.option("--resume/--fresh", default=None, help="Demand or ignore the checkpoint in --out.  [default: use it if there]")
@click.option("--start-from", type=PATH, metavar="FILE", help="Begin with the weights of a hand-over or generator file.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", type=click.Choice(["auto", "no", "fp16", "bf16"]), default="auto", show_default=True)
@click.option("--threads", type=int, metavar="N", help="Threads of torch on the CPU.  [default: all cores]")
@click.option("--log-every", type=int, default=20, show_default=True, metavar="N", help="Steps between lines of the log.")
@click.option("--sheet-every", type=int, default=500, show_default=True, metavar="N", help="Steps between sheets of examples.")
@click.option("--checkpoint-every", type=int, default=250, show_default=True, metavar="N", help="Steps between checkpoints.")
@quiet_options
def attlwb(quiet: bool, weight: tuple[str, ...], **options: Any) -> int:
    """Train on the pairs in the --data FOLDER. The same command again goes on where the last stretch stopped.

    Ctrl-C, SIGTERM and the end of --minutes finish the step and write a checkpoint. For several GPUs run
    'torchrun --nproc-per-node N -m motionimit_cli.main train attlwb …'.

    \b
    Examples:
      motionimit train attlwb --data pairs --out run --steps 20000 --minutes 110
      motionimit train attlwb --data pairs --out run --perceptual lpips_alex.npz
      motionimit train attlwb --data pairs --out add --ablation add --seed 1
      motionimit train attlwb --data pairs --out run2 --start-from run/handover.safetensors
    """
    # torch reads this when it loads: threads that spin while they wait cost tenfold beside any other work on the machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from motionimit.training.job import TrainJob, train
    from motionimit.training.settings import LossWeights, TrainSettings

    own = ("data", "out", "size", "ablation", "perceptual", "start_from", "resume", "device", "threads")
    where = {name: options.pop(name) for name in own}
    job = TrainJob(settings=TrainSettings(weights=LossWeights().changed(weight), **options), **where)

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
