"""Configs as a command takes them."""
import os
import sys
import warnings
from pathlib import Path
from typing import Any, Mapping

from .errors import CannotRun


def read_config(name: str, options: Mapping[str, Any] = {}) -> Any:  # noqa: B006
    """The config that a person names.

    Args:
        name (str): A path, or a name like ``mmpose::body_2d_keypoint/...`` or
            ``mmpose_dark::body_2d_keypoint/...``
        options (Mapping): What to override, by dotted keys

    Raises:
        CannotRun: There is none of that name, or it is no config.
    """
    from ..config import load_config
    try:
        cfg = load_config(name)
        cfg.merge_from_dict(dict(options))
    except FileNotFoundError as error:
        raise CannotRun(
            f'{name} cannot be read: {error}' if Path(name).exists() else
            f'there is no config {name}') from None
    except Exception as error:  # a config is a program
        first = str(error).strip().partition('\n')[0]
        raise CannotRun(f'{name} is no config that can be read: '
                        f'{type(error).__name__}: {first}') from None
    if not isinstance(cfg.get('model'), dict):
        raise CannotRun(f'{name} is no config of a network: it has no model')
    return cfg


def check_config(cfg: Any, training: bool = False) -> None:
    """Refuse a config that contradicts itself; warn of one that is odd.

    Args:
        cfg (Config): Any config
        training (bool): Whether it is to train a network

    Raises:
        CannotRun: Its parts mean other codecs, and what mends that.
    """
    from ..alignment import check_alignment
    from ..consistency import contradictions
    found = contradictions(cfg, training)
    if found:
        raise CannotRun(found[0])
    with warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter('always')
        check_alignment(cfg)
    for warning in odd:
        print(f'Warning: {warning.message}', file=sys.stderr)


def check_one_person(cfg: Any) -> None:
    """Refuse a network that finds all people of an image at once.

    Raises:
        CannotRun: This one does.
    """
    from ..alignment import entries
    _, name = next(entries(cfg.model))
    if 'Bottomup' in str(name):
        raise CannotRun(
            f'this reads one person in a box, and a {name} finds all people '
            'of an image at once:\nmake it DARK by mmpose-dark darkify or '
            "apply_dark, and run it by MMPose's own tools")


def check_comparable(cfg: Any) -> None:
    """Refuse a network whose joints cannot be read in several ways.

    Raises:
        ValueError: It has a codec of another kind, or one of ours of which
            nothing is measured here.
    """
    from ..codecs import codec_class, codec_name
    decoder = (cfg.model.get('head') or {}).get('decoder')
    if isinstance(decoder, dict):
        codec_class(codec_name(decoder.get('type'))).check_comparison()


def check_data(cfg: Any) -> None:
    """Make sure that a config has a test set, and that its labels are there.

    Raises:
        CannotRun: It has none, or its file is not there.
    """
    loader, evaluator = cfg.get('test_dataloader'), cfg.get('test_evaluator')
    if not loader or not evaluator:
        raise CannotRun(f'{cfg.filename} has no test_dataloader and '
                        'test_evaluator: there is nothing to measure on')
    dataset = loader.dataset
    files = {'test_dataloader.dataset.data_root=FOLDER': os.path.join(
        dataset.get('data_root') or '', dataset.get('ann_file') or '')}
    if isinstance(evaluator, dict):
        files['test_evaluator.ann_file=FILE'] = evaluator.get('ann_file') or ''
    for file in files.values():
        if file and '://' not in file and not os.path.exists(file):
            raise CannotRun(f'there is no {file}, which {cfg.filename} '
                            f'measures on.\nSay where it is: --cfg-options '
                            f'{" ".join(files)}')
