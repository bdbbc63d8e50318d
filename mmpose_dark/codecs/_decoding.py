"""What all codecs decode by, and the one call of the decoder."""
from typing import Any, Dict, Optional, Tuple

from .. import functional as F  # noqa: N812
from ..functional._checks import check_blur_kernel_size, check_choice


class Decoding:
    """The part of a codec that chooses how maps are read."""

    sigma: Any  # a float, or one for each axis

    def _set_decoding(self, decoding: str, modulation: bool, peak: str,
                      blur_kernel_size: Optional[int]) -> None:
        self.decoding = check_choice('decoding', decoding, F.METHODS)
        self.modulation = check_choice('modulation', modulation,
                                       (True, False))
        self.peak = check_choice('peak', peak, F.PEAKS)
        self.blur_kernel_size = check_blur_kernel_size(blur_kernel_size)
        if decoding != 'dark':
            self._refuse(f'decoding={decoding!r}', 'modulation', 'peak',
                         'blur_kernel_size')
        elif not modulation:
            self._refuse('modulation=False', 'peak', 'blur_kernel_size')

    def _refuse(self, where: str, *names: str) -> None:
        """Switches that would be ignored."""
        defaults = dict(modulation=True, peak='modulated',
                        blur_kernel_size=None)
        for name in names:
            value = getattr(self, name)
            if value != defaults[name]:
                raise ValueError(f'{name}={value!r} has no effect with '
                                 f'{where}: leave it out')

    def _switches(self) -> Dict[str, Any]:
        """As arguments of the functions that decode."""
        return dict(
            method=self.decoding,
            modulation=self.modulation,
            peak=self.peak,
            blur_kernel_size=self.blur_kernel_size)

    def _decode_maps(self, maps: Any,
                     return_covariance: bool) -> Tuple[Any, ...]:
        """Positions in pixels of the maps, scores and covariances."""
        return F.decode_heatmaps(
            maps,
            self.sigma,
            return_covariance=return_covariance,
            **self._switches())
