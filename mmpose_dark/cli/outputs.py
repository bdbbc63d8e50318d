"""Files that a command will write, looked at before its work."""
from pathlib import Path
from typing import Any, Optional, Union

from .errors import CannotRun


def check_output(path: Optional[Union[str, Path]], *inputs: Any) -> None:
    """Make sure that a file can be written, and is none that is read.

    Args:
        path (str | Path, optional): The file; its folder is made. ``None``:
            it was not asked for
        inputs: What the command reads, paths and others; ``None`` is skipped

    Raises:
        CannotRun: It cannot, or it is.
    """
    if path is None:
        return
    path = Path(path)
    for source in inputs:
        if source is not None and _same(path, source):
            raise CannotRun(f'{path} is what is read: nothing overwrites its '
                            'input, name another file')
    check_folder(path.parent)
    existed = path.exists()
    try:
        with open(path, 'ab'):
            pass
    except OSError as error:
        raise CannotRun(f'{path} cannot be written: '
                        f'{error.strerror}') from None
    if not existed:
        path.unlink()


def check_folder(path: Union[str, Path]) -> None:
    """Make a folder, and make sure that files can be written to it.

    Raises:
        CannotRun: They cannot.
    """
    path = Path(path)
    probe = path / '.mmpose_dark'
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotRun(f'nothing can be written to the folder {path}: '
                        f'{error.strerror}') from None


def _same(path: Path, source: Any) -> bool:
    try:
        return path.resolve() == Path(source).resolve()
    except (OSError, TypeError):  # a name that is no path
        return False
