"""What the command lines share."""
import argparse
from typing import Any, Optional


def new_parser(prog: str, description: Optional[str]
               ) -> argparse.ArgumentParser:
    """A parser that shows a module's docstring as it stands."""
    return argparse.ArgumentParser(
        prog=prog, description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)


class KeyValues(argparse.Action):
    """``KEY=VALUE ...`` as a dict, by mmengine's ``DictAction``.

    That is imported when it is needed, so that ``--help`` need not wait.
    """

    def __call__(self, parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace, values: Any,
                 option_string: Optional[str] = None) -> None:
        """Check before ``DictAction``, whose errors are hard to read."""
        from mmengine.config import DictAction
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} takes KEY=VALUE and all that '
                             f'follows it, got {value!r}: put it last')
        action = DictAction(self.option_strings, self.dest)
        action(parser, namespace, values, option_string)
