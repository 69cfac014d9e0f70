"""``user hash``.

Source: SEC-51: a password comes from the terminal or the standard input, never from an argument.
"""

from __future__ import annotations

import getpass
import sys

import typer

from gateway.auth.passwords import hash_password
from gateway.failure import Failure

app = typer.Typer(name="user", help="Users of the configuration.", no_args_is_help=True)


@app.callback()
def users() -> None:
    """Users of the configuration."""


@app.command(name="hash", epilog="Example: `bayeux-gateway user hash < password.txt`")
def hash_() -> None:
    """Read a password and print the `password_hash` for `[[auth.users]]`."""
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    if not password:
        raise Failure("the password is empty: type one, or pipe one in")
    typer.echo(hash_password(password))
