"""`polyscore models`: the commands on the versions of a domain's model."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli_options import DomainArgument, VersionArgument, WhyOption, console, finite, say
from apps.settings import from_environment
from domain.registry import DOMAINS

models_app = typer.Typer(help="The versions of a domain's model: which there are, which decides, and why.", no_args_is_help=True)


@models_app.command("list")
def models_list(domain: DomainArgument) -> None:
    """List the versions: stage, since when, the headline metric, who or what moved each there and why. Times are UTC."""
    from apps import models_command

    models_command.listed(from_environment(), DOMAINS[domain], console)


@models_app.command("show")
def models_show(
    domain: DomainArgument,
    version: Annotated[str | None, typer.Argument(help="A version of the domain's model. Default: the champion.")] = None,
) -> None:
    """Show one version: where it comes from, its metrics, the parity of each format, and what happened to it."""
    from apps import models_command

    models_command.shown(from_environment(), DOMAINS[domain], version, console)


@models_app.command("diff")
def models_diff(domain: DomainArgument, version: VersionArgument, other: VersionArgument) -> None:
    """Show two versions side by side: what differs in data, parameters and features, and every metric."""
    from apps import models_command

    models_command.compared(from_environment(), DOMAINS[domain], version, other, console)


@models_app.command("compare")
def models_compare(
    domain: DomainArgument,
    version: Annotated[str | None, typer.Argument(help="The challenger. Default: the first in line.")] = None,
    days: Annotated[int, typer.Option(help="Newest days that have labels, to compare on.", min=1)] = 14,
) -> None:
    """Set a challenger beside the champion on the events that both decided and whose labels have come, with an interval."""
    from apps import compare

    compare.command(from_environment(), DOMAINS[domain], version, days, console)


@models_app.command("promote")
def models_promote(domain: DomainArgument, version: VersionArgument, why: WhyOption) -> None:
    """Make a version the champion: running scorers take it without a restart. Its bundle is loaded and its parity looked at first."""
    from apps import models_command, moves

    say(moves.promote(from_environment(), DOMAINS[domain], version, models_command.by_hand(why)))


@models_app.command("rollback")
def models_rollback(domain: DomainArgument, why: WhyOption) -> None:
    """Make the champion before the present one the champion again; the present one is archived."""
    from apps import models_command, moves

    say(moves.rollback(from_environment(), DOMAINS[domain], models_command.by_hand(why)))


@models_app.command("challenge")
def models_challenge(
    domain: DomainArgument,
    version: VersionArgument,
    why: WhyOption,
    share: Annotated[
        float, typer.Option(help="Of the keys, from 0 to 1: these get its decisions for real.", min=0, max=1, callback=finite)
    ] = 0.0,
) -> None:
    """Let a version score beside the champion, in shadow or for a share of the keys."""
    from apps import models_command, moves

    say(moves.challenge(from_environment(), DOMAINS[domain], version, share, models_command.by_hand(why)))


@models_app.command("archive")
def models_archive(domain: DomainArgument, version: VersionArgument, why: WhyOption) -> None:
    """Take a version out of use; its bundle stays. The champion cannot be archived: promote another, or roll back."""
    from apps import models_command, moves

    say(moves.archive(from_environment(), DOMAINS[domain], version, models_command.by_hand(why)))


@models_app.command("terms")
def models_terms(
    domain: DomainArgument,
    terms: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=NUMBER]...", help="What to set. Default: show what is in force.")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, kept with the change; needed for one.")] = "",
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the domain's own numbers.")] = False,
) -> None:
    """Show the numbers that the domain's policy decides by, or set some: running scorers take them without a restart."""
    from apps import models_command, moves
    from apps.terms import typed

    if terms and reset:
        raise typer.BadParameter("set terms, or reset them all", param_hint="--reset")
    if not terms and not reset:
        models_command.terms(from_environment(), DOMAINS[domain], console)
        return
    cause = models_command.by_hand(why)
    say(moves.decide_by(from_environment(), DOMAINS[domain], None if reset else typed(terms or []), cause))
