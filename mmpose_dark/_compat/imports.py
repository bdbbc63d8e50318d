"""Word left with Python's import system (its meta path)."""
import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

from . import engine

_OPERATORS = 'mmcv._ext'
_COCO = 'xtcocotools'
#: registry of MMPose -> the modules of ours that it is to import
_PARTS = {
    'KEYPOINT_CODECS': ('mmpose_dark.codecs', ),
    'METRICS': ('mmpose_dark.evaluation', ),
    'MODELS': ('mmpose_dark.heads', 'mmpose_dark.distiller'),
    'TRANSFORMS': ('mmpose_dark.transforms', ),
}
#: module of an earlier version -> where that is now
_MOVED = {
    'mmpose_dark.export': 'mmpose_dark.deploy.onnx',
    'mmpose_dark.megvii': 'mmpose_dark.codecs',
    'mmpose_dark.runtime': 'mmpose_dark.deploy.runtime',
    'mmpose_dark.sdk': 'mmpose_dark.deploy.mmdeploy',
}


def install() -> None:
    """Leave word, once."""
    if any(isinstance(finder, _First) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _First())
    # At the end: asked only when nobody else has the compiled module.
    sys.meta_path.append(_Last())
    for name, then in _THEN.items():
        if name in sys.modules:
            then(sys.modules[name])


class _First:
    """Asked for every module before all others."""

    def find_spec(self, name: str, path: Any = None,
                  target: Any = None) -> Any:
        if name == _COCO and not self._works(name):
            return _stand_in(name)
        if name in _THEN:
            return self._and_then(self._real(name, path), _THEN[name])
        if name in _MOVED:
            raise ModuleNotFoundError(f'{name} is {_MOVED[name]} now',
                                      name=name)
        return None

    def _real(self, name: str, path: Any = None) -> Any:
        """What would be found without this finder."""
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, 'find_spec'):
                spec = finder.find_spec(name, path)
                if spec is not None:
                    return spec
        return None

    def _works(self, name: str) -> bool:
        """Whether a package is there and its compiled part fits numpy's."""
        spec = self._real(name)
        if spec is None:
            return False
        compiled = self._real(f'{name}._mask', spec.submodule_search_locations)
        if compiled is None:
            return False
        try:
            module = importlib.util.module_from_spec(compiled)
            compiled.loader.exec_module(module)
        except (ImportError, ValueError):  # of another numpy or Python
            return False
        # It may not be loaded twice.
        sys.modules[compiled.name] = module
        return True

    @staticmethod
    def _and_then(spec: Any, then: Any) -> Any:
        """A module that is handed on as soon as it is there."""
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                then(module)

            spec.loader.exec_module = exec_module
        return spec


class _Last:
    """Asked for a module that nobody else has."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != _OPERATORS:
            return None
        loader: Any = _Last
        return importlib.machinery.ModuleSpec(
            name, loader, origin='placeholder of mmpose_dark')

    @staticmethod
    def create_module(spec: Any) -> Any:
        return None

    @staticmethod
    def exec_module(module: Any) -> None:
        module.__getattr__ = _operator


def _operator(name: str) -> Any:
    if name.startswith('__'):
        raise AttributeError(name)
    from .operators import operator
    return operator(name)


def _stand_in(name: str) -> Any:
    folder = Path(__file__).parent / name
    return importlib.util.spec_from_file_location(
        name, folder / '__init__.py',
        submodule_search_locations=[str(folder)])


def _register(registry: Any) -> None:
    """Tell MMPose's registries of us, and torch and the user of MMPose."""
    from . import checkpoints, versions
    versions.warn_of_known_trouble()
    checkpoints.allow()
    for name, modules in _PARTS.items():
        known = getattr(registry, name)
        # A registry imports its modules when it is first asked for a name.
        if known._imported:
            for module in modules:
                importlib.import_module(module)
        else:
            known._locations.extend(modules)


#: module of another package -> what is done as soon as it is there
_THEN = {
    'mmengine.config.utils': engine.name_configs,
    'mmengine.runner.runner': engine.watch_runs,
    'mmpose.registry': _register,
}
