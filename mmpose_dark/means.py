"""What is made DARK where positions are means: the head alone, not the codec.

Those of RLE, integral regression and RTMO are no peaks that could be refined.
Covariances and similarities come from the distribution that they are means of.
"""
from typing import Any, List, Mapping, Sequence, Tuple, Type

from mmpose.registry import MODELS

from . import heads
from .alignment import entries
from .conventions import HEADS, MEAN_HEADS


def mean_heads(cfg: Any) -> List[Tuple[Any, str]]:
    """Entries of such heads in a config's model, and their names."""
    return [(entry, name) for entry, name in entries(cfg.get('model') or {})
            if name and name.replace('Dark', '') in MEAN_HEADS]


def check_config(cfg: Any, head: bool) -> None:
    """Raise ``ValueError`` where a config with such a head gains nothing.

    Args:
        cfg (Config): As of :func:`mean_heads`
        head (bool): Whether the head is to be swapped
    """
    for entry, name in mean_heads(cfg):
        kind: Any = getattr(heads, HEADS.get(name, name))
        key, _ = kind.LOSS
        if key in entry:
            kind.check_loss(MODELS.build(entry[key]))
        if not head:
            raise ValueError(
                'its positions are no peaks and cannot be refined. Use '
                'head=True (--head): it adds covariances and similarities')


def check_no_effect(name: str, switches: Sequence[str]) -> None:
    """Raise ``ValueError`` for switches of a reading, which there is not.

    Args:
        name (str): Of the head
        switches (Sequence[str]): Names of those that were given
    """
    for switch in switches:
        raise ValueError(
            f'{switch} has no effect on a {name}, whose positions stay as '
            'they are: leave it out')


def is_mean_head(module: Any) -> bool:
    """Whether a module is such a head, stock or ours."""
    return type(module).__name__.replace('Dark', '') in MEAN_HEADS


def is_of_means(kind: Type[Any]) -> bool:
    """Whether a class of ours is such a head's."""
    return issubclass(kind, heads.DarkMeanHead)


def check_model(head: Any, kind: Any, overrides: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where a built head of means gains nothing.

    Args:
        head (nn.Module): Stock or ours
        kind (type): The class of ours
        overrides (Mapping): Keywords of a codec of ours
    """
    check_no_effect(type(head).__name__, list(overrides))
    kind.check_loss(getattr(head, kind.LOSS[1], None))
