"""Run a command-line tool of the installed MMPose with our parts in place."""
import runpy
from pathlib import Path


def run_mmpose_tool(name):
    """Run MMPose's ``tools/<name>`` as ``__main__`` on our ``sys.argv``.

    Importing the codec first adds what MMPose needs around it (see
    :mod:`._compat`) before the tool imports ``mmpose.models``, and registers
    our parts under their bare names.

    Raises:
        FileNotFoundError: This MMPose came without its tools.
    """
    import mmpose

    from . import codecs  # noqa: F401
    package = Path(mmpose.__file__).parent
    # Wheels carry the tools inside the package, a source checkout beside it.
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / name).is_file():
            runpy.run_path(str(folder / name), run_name='__main__')
            return
    raise FileNotFoundError(
        f'tools/{name} of MMPose was found neither in {package / ".mim"} nor '
        f'beside {package}; reinstall mmpose (1.x) from a wheel or a clone')
