"""Devices as a command takes them."""
from typing import Optional

from .errors import CannotRun


def check_device(name: Optional[str]) -> None:
    """Make sure that there is a device.

    Args:
        name (str, optional): As torch calls it; ``None``: any will do

    Raises:
        CannotRun: torch knows no such device, or there is none here.
    """
    if name is None:
        return
    import torch
    try:
        torch.empty(0, device=name)
    # AssertionError: of a torch without CUDA
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        first = str(error).strip().split('. ')[0]
        raise CannotRun(f'--device {name} cannot be used: '
                        f'{first}') from None
