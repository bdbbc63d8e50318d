"""The networks of the demo: their configs, and where their weights are."""
import sys
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import urlparse

from .configs import check_config, check_one_person, read_config
from .errors import CannotRun

#: a public network of MMPose's, in which DARK shows: of heatmaps, and trained
#: and read by the stock codec
DEFAULT = ('mmpose::body_2d_keypoint/topdown_heatmap/coco/'
           'td-hm_hrnet-w32_8xb64-210e_coco-256x192.py')


#: alias of a detector that MMPose goes by -> its config
ALIASES = {'rtmdet-m': 'mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py'}


class Network(NamedTuple):
    """What is needed to build one."""

    #: what it does
    job: str
    #: an mmengine Config
    cfg: Any
    #: path or URL of its weights
    checkpoint: str
    #: by which option a person names them
    option: str
    #: of its classes, those to find, if it is a detector
    categories: Tuple[int, ...] = ()


def pose_network(config: Optional[str], checkpoint: Optional[str]) -> Network:
    """The network that finds joints.

    Args:
        config (str, optional): As of :func:`read_config`. Defaults to
            :data:`DEFAULT`
        checkpoint (str, optional): Path or URL. Defaults to the weights that
            MMPose publishes for the config

    Raises:
        CannotRun: No such config, one that contradicts itself, or none
            whose weights are published.
    """
    name = config or DEFAULT
    cfg = read_config(name)
    check_one_person(cfg)
    check_config(cfg)
    return Network('poses', cfg, checkpoint or _published(
        name, '--config', '--checkpoint'), '--checkpoint')


def detector(config: Optional[str], checkpoint: Optional[str],
             poses: Any) -> Network:
    """The network that finds what poses are of.

    Args:
        config (str, optional): As of :func:`read_config`. Defaults to the one
            that MMPose's own inferencer takes
        checkpoint (str, optional): Path or URL. Defaults to what is published
        poses (Config): Of the network that finds joints

    Raises:
        CannotRun: As of :func:`pose_network`, or MMPose knows no detector for
            this kind of poses.
    """
    options = '--det-config', '--det-checkpoint'
    if config:
        return Network('people', read_config(config), checkpoint
                       or _published(config, *options), options[1], (0, ))
    from mmpose.apis.inferencers.utils import default_det_models
    from mmpose.registry import DATASETS
    dataset = poses.get('dataset_type')
    module = getattr(DATASETS.get(dataset) if dataset else None,
                     '__module__', '')
    kind = module.partition('datasets.datasets.')[2].partition('.')[0]
    known = default_det_models.get(kind)
    if not known:
        raise CannotRun(
            f'MMPose has no detector of its own for the {dataset} of this '
            'config:\nname one by --det-config, or say --whole-image')
    name = ALIASES.get(known['model'], known['model'])
    return Network('people', read_config(name),
                   checkpoint or known['weights'] or _published(
                       name, *options), options[1], tuple(known['cat_ids']))


def _published(name: str, option: str, needed: str) -> str:
    """URL of the weights of a config that is named ``package::...``."""
    from mmengine.hub import get_config
    try:
        if '::' in name and not name.startswith('mmpose_dark::'):
            return get_config(name, pretrained=True).model_path
    except (AssertionError, AttributeError):  # not in a metafile, or without
        pass
    raise CannotRun(f'{option} {name} needs its {needed}: no weights are '
                    'published for it')


def fetch(networks: Sequence[Network]) -> None:
    """Have all weights on this machine, by MMPose's own download.

    Args:
        networks (Sequence[Network]): Of which some weights may be URLs

    Raises:
        Unreachable: Some cannot be had.
    """
    from ..checkpoints import read_checkpoint
    from ..visualization.files import is_url
    missing = []
    for network in networks:
        if is_url(network.checkpoint):
            try:
                read_checkpoint(network.checkpoint)  # torch keeps the file
            except OSError as error:
                missing.append((network, error))
    if missing:
        raise Unreachable(missing)


class Unreachable(CannotRun):
    """Weights that cannot be fetched: which, and how to hand them over."""

    def __init__(self, missing: List[Tuple[Network, OSError]]) -> None:
        self.missing = [network for network, _ in missing]
        url = self.missing[0].checkpoint
        super().__init__(
            str(missing[0][1]).replace(url, urlparse(url).netloc))

    def tell(self, prog: str) -> None:
        """Print on stderr what a person can do."""
        import torch
        one = len(self.missing) == 1
        it = 'it' if one else 'them'
        cache = Path(torch.hub.get_dir(), 'checkpoints')
        lines = [
            f'{prog}: error: {self}',
            f'Fetch {"this file" if one else "these two files"} where there '
            'is a network connection:',
            *(f'  {network.job}: {network.checkpoint}'
              for network in self.missing),
            f'and put {it} into {cache}, where MMPose finds {it} too,',
            'or add ' + ' '.join(
                f'{network.option} {Path(network.checkpoint).name}'
                for network in self.missing)]
        print('\n'.join(lines), file=sys.stderr)
