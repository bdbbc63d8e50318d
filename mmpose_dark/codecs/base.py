"""What every codec of this package does, and tells others of itself."""
import inspect
import math
from typing import (
    Any,
    ClassVar,
    Dict,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

import numpy as np

from .. import functional as F  # noqa: N812
from ..functional.checks import (
    check_blur_kernel_size,
    check_choice,
    check_has_covariance,
)
from ._mmpose import KEYPOINT_CODECS
from .checks import check_calibration

#: name -> codec of this package, see :func:`register`
CODECS: Dict[str, Type['DarkCodec']] = {}
_Codec = TypeVar('_Codec', bound=type)


def register(codec: _Codec) -> _Codec:
    """Make a codec known here and to MMPose, as a decorator of its class."""
    CODECS[codec.__name__] = codec
    KEYPOINT_CODECS.register_module()(codec)
    return codec


class DarkCodec:
    """A codec of this package: what a network's outputs are read by.

    Heads, evaluation, alignment, ONNX and mmdeploy know no codec by its name:
    they ask for what stands here. A network's outputs are one array or more,
    each (B, K, ...), in the shapes of :attr:`output_shapes`.
    """

    #: stock codec that it replaces -> the keywords that it takes over
    STOCK: ClassVar[Dict[str, Tuple[str, ...]]] = {}
    #: how many arrays a network puts out for it
    OUTPUTS: ClassVar[int] = 1
    #: why no file can end in its keypoints; empty: one can
    NO_FILE: ClassVar[str] = ''
    #: why what it reads cannot be measured by ``mmpose-dark compare`` and
    #: ``calibrate``; empty: it can
    NO_COMPARISON: ClassVar[str] = ''
    #: why no OKS can be expected; empty: one can
    NO_SIMILARITY: ClassVar[str] = ''
    #: whether a stock head changes maps before it has them read
    NEEDS_HEAD: ClassVar[bool] = False
    #: keywords that align it at the corner pixels; empty: it cannot be
    CORNERS: ClassVar[Mapping[str, Any]] = {}
    #: keywords of a parent that follow from others here
    FOLLOWS: ClassVar[Tuple[str, ...]] = ()

    input_size: Tuple[int, int]
    #: of the crop that it goes with, and of its maps
    use_udp = False
    sigma: Any  # a float, or one for each axis
    #: how far to shift a flipped-back map, (x, y); px of the map
    flip_shift: Tuple[float, float]
    #: input px per px of the map, and what is added before, (x, y)
    decode_factor: Tuple[float, ...]
    centre: Optional[Tuple[float, ...]] = None
    #: whether scores come with visibilities
    decode_visibility = False

    # ---- what others ask

    @property
    def output_shapes(self) -> Tuple[Tuple[int, ...], ...]:
        """Of each output what follows (B, K); x is the first's last axis."""
        raise NotImplementedError

    @property
    def stride(self) -> np.ndarray:
        """(x, y) input px per px that errors are best told in.

        Those of heatmaps in their px, of vectors in the input's.
        """
        return np.divide(self.input_size, getattr(
            self, 'heatmap_size', self.input_size))

    @property
    def shift_heatmap(self) -> Optional[bool]:
        """Of the ``test_cfg`` that it goes with; ``None``: not looked at."""
        return None

    def decodings(self) -> Dict[str, Dict[str, Any]]:
        """The readings to compare: a name -> keywords that differ."""
        return {
            'argmax': dict(decoding='argmax'),
            'shift': dict(decoding='shift'),
            'DARK, no modulation': dict(modulation=False),
            'DARK': {},
            'DARK, peak=raw': dict(peak='raw'),
        }

    def config(self) -> Dict[str, Any]:
        """The config that builds it: ``type`` and all keywords."""
        names: Dict[str, None] = {}
        for parent in type(self).__mro__:
            signature = inspect.signature(
                vars(parent).get('__init__', _passes_on)).parameters.values()
            names.update(dict.fromkeys(
                p.name for p in signature if p.kind == p.POSITIONAL_OR_KEYWORD
                and p.name != 'self'))
            if not any(p.kind == p.VAR_KEYWORD for p in signature):
                break
        options = {name: getattr(self, name) for name in names
                   if name not in self.FOLLOWS}
        return dict(type=type(self).__name__, **{
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in options.items()})

    @classmethod
    def in_place_of(cls, name: str,
                    options: Mapping[str, Any]) -> Dict[str, Any]:
        """The keywords of a codec of this class for those of a stock one.

        Args:
            name (str): Of the stock codec's class, one of :attr:`STOCK`
            options (Mapping): Its keywords, or attributes

        Raises:
            ValueError: One that draws what DARK cannot read.
        """
        taken = {key: options[key] for key in cls.STOCK[name]
                 if key in options}
        return {key: tuple(value.tolist()) if isinstance(value, np.ndarray)
                else value for key, value in taken.items()}

    def of_loss(self, name: str, beta: float) -> Dict[str, Any]:
        """Keywords that follow from the loss that a network is trained by.

        Args:
            name (str): Of its class
            beta (float): What it multiplies logits by, if it does
        """
        return {}

    @classmethod
    def of_outputs(cls, input_size: Tuple[int, int],
                   shapes: Sequence[Sequence[int]]) -> Dict[str, Any]:
        """The keywords that say sizes, from those of a network.

        Args:
            input_size (tuple): (w, h)
            shapes (Sequence): Of each output what follows (B, K)
        """
        raise NotImplementedError

    def sdk(self, test_cfg: Mapping[str, Any]) -> Dict[str, Any]:
        """How mmdeploy's SDK, which decodes in C++, reads its outputs.

        Args:
            test_cfg (Mapping): Of the model

        Returns:
            dict: ``type`` and ``params`` of the SDK's decoder.

        Raises:
            ValueError: A decoding that the SDK does not have.
        """
        raise ValueError(
            f'the SDK cannot read what a {type(self).__name__} draws; ' + (
                self.NO_FILE or 'use the file of mmpose-dark export, which '
                'has the decoder inside'))

    # ---- a flip test

    def merge(self, straight: Sequence[Any], mirrored: Sequence[Any],
              flip_indices: Sequence[int], test_cfg: Mapping[str, Any],
              exact: bool) -> Tuple[Any, ...]:
        """The mean of a flip test's two passes.

        Args:
            straight (Sequence): Outputs for the input
            mirrored (Sequence): Those for the flipped input, as they were
                predicted
            flip_indices (Sequence[int]): The symmetric keypoint of each
            test_cfg (Mapping): The runtime config for testing
            exact (bool): Whether mirrored outputs are moved to where they
                belong; otherwise as MMPose does, maps by one whole pixel with
                ``shift_heatmap``, vectors not at all
        """
        shift = self.flip_shift[0]
        if not exact:
            shift = float(self.OUTPUTS == 1 and bool(
                test_cfg.get('shift_heatmap', False)))
        flip: Any = F.flip_heatmaps if self.OUTPUTS == 1 else F.flip_vectors
        first, *rest = mirrored
        back = [flip(first, flip_indices, shift=shift), *(
            output[:, list(flip_indices)] for output in rest)]
        return tuple((one + other) * 0.5 for one, other in zip(straight, back))

    # ---- decoding

    def _set_decoding(self, decoding: str, modulation: bool, peak: str,
                      blur_kernel_size: Optional[int],
                      calibration: Optional[Sequence[float]] = None) -> None:
        self.decoding = check_choice('decoding', decoding, F.METHODS)
        self.modulation = check_choice('modulation', modulation,
                                       (True, False))
        self.peak = check_choice('peak', peak, F.PEAKS)
        self.blur_kernel_size = check_blur_kernel_size(blur_kernel_size)
        self.calibration = check_calibration(calibration)
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

    def check_covariance(self, loss: Any = None) -> None:
        """Raise ``ValueError`` where positions have no covariance.

        Args:
            loss (nn.Module, optional): What the network was trained by.
                Defaults to ``None``: not known
        """
        check_has_covariance(self.decoding, self.modulation, 'decoding')

    @classmethod
    def check_comparison(cls) -> None:
        """Raise ``ValueError`` where what it reads is not measured."""
        if cls.NO_COMPARISON:
            raise ValueError(f'{cls.__name__}: {cls.NO_COMPARISON}')

    def check_similarity(self, loss: Any = None) -> None:
        """Raise ``ValueError`` where no OKS can be expected of a joint.

        Args:
            loss (nn.Module, optional): As of :meth:`check_covariance`
        """
        if self.NO_SIMILARITY:
            raise ValueError("score='similarity' is not to be had of a "
                             f'{type(self).__name__}: {self.NO_SIMILARITY}')
        self.check_covariance(loss)

    @property
    def dof(self) -> float:
        """Degrees of freedom of the tail of errors, see ``ellipse_limit``."""
        return F.TAIL_DOF if self.calibration is None else self.calibration[1]

    def read(self, *outputs: Any,
             return_covariance: bool = False) -> Tuple[Any, ...]:
        """Read keypoints off a network's outputs, where these are.

        What ``decode``, ``batch_decode`` and
        :class:`mmpose_dark.deploy.DarkDecoder` have in common.

        Args:
            outputs (Tensor | np.ndarray): Each in shape (B, K, ...)
            return_covariance (bool): Also return the covariance of every
                position, see :func:`mmpose_dark.functional.decode_heatmaps`.
                Defaults to ``False``

        Returns:
            tuple:
            - keypoints (Tensor | np.ndarray): in shape (B, K, 2); units:
                input pixels
            - scores (Tensor | np.ndarray): in shape (B, K)
            - covariances (Tensor | np.ndarray): only with
                ``return_covariance``: in shape (B, K, 2, 2); units: squared
                input pixels

            All of the kind of the outputs.

        Raises:
            ValueError: Outputs of other shapes than the codec's, or
                covariances of a decoding that has none.
        """
        if return_covariance:
            self.check_covariance()
        keypoints, scores, *covariances = self._decoded(
            outputs, return_covariance=return_covariance,
            method=self.decoding, modulation=self.modulation, peak=self.peak,
            blur_kernel_size=self.blur_kernel_size)
        scale = 1. if self.calibration is None else self.calibration[0]
        return (F.scale_keypoints(keypoints, self.decode_factor, self.centre),
                scores, *(F.scale_covariances(c, self.decode_factor) * scale
                          for c in covariances))

    def _decoded(self, outputs: Sequence[Any],
                 **switches: Any) -> Tuple[Any, ...]:
        """What :meth:`read` returns, in px of the map."""
        raise NotImplementedError

    def batch_decode(self, *batch_encoded: Any,
                     return_covariance: bool = False) -> Tuple[Any, ...]:
        """Decode a network's outputs where they are.

        Args:
            batch_encoded (Tensor | np.ndarray): Each in shape (B, K, ...), on
                any device. What is transferred to the host is the result, in
                one copy
            return_covariance (bool): As of :meth:`read`. Defaults to
                ``False``

        Returns:
            tuple:
            - batch_keypoints (List[np.ndarray]): B coordinate arrays in
                shape (1, K, 2); units: input pixels
            - batch_scores (List[np.ndarray]): B score arrays in shape (1, K);
                with ``decode_visibility`` a tuple of them and the
                visibilities
            - batch_covariances (List[np.ndarray]): only with
                ``return_covariance``: B arrays in shape (1, K, 2, 2);
                units: squared input pixels

        Raises:
            ValueError: As of :meth:`read`.
        """
        keypoints, scores, *rest = (list(array[:, None]) for array in
                                    self._on_host(batch_encoded,
                                                  return_covariance))
        if self.decode_visibility:
            return keypoints, (scores, rest[-1]), *rest[:-1]
        return keypoints, scores, *rest

    def _on_host(self, outputs: Sequence[Any],
                 return_covariance: bool = False) -> Sequence[np.ndarray]:
        """What :meth:`read` returns, and last, if decoded, visibilities."""
        outputs = [where_they_are(output) for output in outputs]
        found = self.read(*outputs, return_covariance=return_covariance)
        if self.decode_visibility:
            found = *found, self._visibilities(*outputs)
        return to_host(found)

    def _visibilities(self, *outputs: Any) -> Any:
        """(B, K), of codecs with ``decode_visibility``."""
        raise NotImplementedError


def _passes_on(self: Any, **kwargs: Any) -> None:
    """As a class without an ``__init__`` does."""


def where_they_are(array: Any) -> Any:
    """Tensors in host memory as numpy sees them; others as they are."""
    if not hasattr(array, 'detach'):  # numpy's, or what will be refused
        return array
    array = array.detach()
    if array.device.type != 'cpu':
        return array
    # numpy's code may skip work where the data allows, and has no bfloat16.
    if array.element_size() < 4:
        array = array.float()
    return array.numpy()


def to_host(arrays: Sequence[Any]) -> Sequence[np.ndarray]:
    """Arrays in shape (B, K, ...) as numpy arrays; tensors by one copy."""
    if isinstance(arrays[0], np.ndarray):
        return arrays
    import torch
    packed = torch.cat(
        [t.reshape(*t.shape[:2], -1) for t in arrays], -1).cpu().numpy()
    ends = np.cumsum([math.prod(t.shape[2:]) for t in arrays])
    return [part.reshape(t.shape) for part, t in
            zip(np.split(packed, ends[:-1], -1), arrays)]
