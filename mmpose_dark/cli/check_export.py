"""Test a file of the command ``export`` as a checkpoint is tested.

Runs MMPose's own test loop on the config's test set, with its pipeline and its
evaluator; only the prediction of a batch is the ONNX file's, by ONNX Runtime
or OpenVINO on the CPU. With CHECKPOINT, the model itself is tested too, with
or without flip test as the file is, and both are printed side by side, with
how far their keypoints lie apart; where that is more than float16 explains,
the exit status is 1. A model of a stock codec is tested as it is, and then
decoded by DARK, as the file is; it is that to which the file is compared.
"""
import contextlib
import io
import tempfile
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from ..markdown import markdown_table
from .arguments import KeyValues, new_parser
from .configs import check_config, check_data, read_config
from .errors import CannotRun

EXPORTED = 'exported'
#: keypoints less sure than that may lie on one of several faint maxima
SURE = 0.3
#: what float16 may differ by; px
FAR = 0.05


#: crops (N, 3, h, w) and areas (N,) of people to what a file puts out
Infer = Callable[[np.ndarray, np.ndarray], List[np.ndarray]]


def openvino_infer(path: str) -> Infer:
    """``PoseRuntime.infer`` by OpenVINO."""
    import openvino
    core = openvino.Core()
    # Left to itself it computes in bfloat16 where the CPU can.
    network = core.compile_model(core.read_model(path), 'CPU',
                                 {'INFERENCE_PRECISION_HINT': 'f32'})

    def infer(batch: np.ndarray, areas: np.ndarray) -> List[np.ndarray]:
        result = network([batch, areas][:len(network.inputs)])
        return [result[output] for output in network.outputs]

    return infer


def predictor(infer: Infer, model: Any) -> Callable[..., Any]:
    """``predict`` of the model with the network of an exported file."""
    from mmengine.structures import InstanceData

    from ..functional import box_areas

    def predict(inputs: Any, data_samples: Any) -> Any:
        areas = [box_areas(sample.gt_instances.bboxes[0]) * np.prod(
            sample.metainfo['input_size'] / sample.metainfo['input_scale'])
            for sample in data_samples]
        keypoints, scores = infer(inputs.cpu().numpy(),
                                  np.array(areas, np.float32))[:2]
        return model.add_pred_to_datasample(
            [InstanceData(keypoints=k[None], keypoint_scores=s[None])
             for k, s in zip(keypoints, scores)], None, data_samples)

    return predict


def evaluate(runner: Any, predict: Callable[..., Any]
             ) -> Tuple[Dict[str, float], Dict[Any, np.ndarray]]:
    """The test loop with some ``predict`` of the model.

    Returns:
        tuple: The metrics and, by person, keypoints (K, 3): x and y in input
        px and the score.
    """
    points: Dict[Any, np.ndarray] = {}

    def observed(inputs: Any, data_samples: Any) -> Any:
        results = predict(inputs, data_samples)
        for sample in results:
            meta = sample.metainfo
            people = sample.pred_instances
            points[meta['id'], meta['img_id']] = np.column_stack([
                people.keypoints[0] / meta['input_scale'] *
                meta['input_size'], people.keypoint_scores[0]])
        return results

    runner.model.predict = observed
    # The evaluation prints a page that the table at the end sums up.
    with contextlib.redirect_stdout(io.StringIO()):
        metrics = runner.test()
    return metrics, points


def differences(want: Dict[Any, np.ndarray],
                got: Dict[Any, np.ndarray]) -> Tuple[str, bool]:
    """How far the keypoints of two :func:`evaluate` lie apart.

    Returns:
        tuple: In words, and whether they are the same: no joint that is sure
        lies further off than float16 makes it, nor half of all joints.
    """
    found = np.array([got[person] for person in want])
    wanted = np.array(list(want.values()))
    apart = np.linalg.norm(found[..., :2] - wanted[..., :2], axis=-1)
    score = wanted[..., 2]
    far = ~(apart <= FAR)  # where they are no numbers, too
    middle, sure = np.median(apart), apart[score > SURE].max(initial=0)
    text = (f'Keypoints differ by {middle:.6f} input px in the '
            f'median, {apart.max():.5f} at most, {sure:.5f} where the score '
            f'is above {SURE}; {far.sum()} of {far.size} by more than {FAR}')
    if far.any():
        text += f', whose scores are {score[far].max():.2f} at most'
    same = bool(middle <= FAR and sure <= FAR)
    return f'{text}.', same


def main(argv: List[str], prog: str) -> int:
    """Print both, side by side."""
    parser = new_parser(prog, __doc__)
    parser.add_argument(
        'config', help='a config, or a name like mmpose::body_2d_keypoint/...')
    parser.add_argument('onnx', help='the exported file')
    parser.add_argument('checkpoint', nargs='?',
                        help='what it was exported from, to compare with')
    parser.add_argument('--openvino', action='store_true',
                        help='run the file by OpenVINO')
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, default={},
        metavar='KEY=VALUE', help='settings of the config to override, such '
        'as test_dataloader.dataset.data_root=data/coco')
    args = parser.parse_args(argv)

    from ..codecs import DarkHeatmap
    from ..deploy.runtime import PoseRuntime
    from ..evaluation import build_test_runner
    from ..model import apply_dark
    cfg = read_config(args.config, args.cfg_options)
    check_config(cfg)
    try:
        pose = PoseRuntime(args.onnx)
    except (ImportError, OSError, ValueError):
        raise
    except Exception as error:  # of onnxruntime: it has many kinds
        raise CannotRun(f'{args.onnx} is no file that ONNX Runtime reads: '
                        f'{error}') from None
    check_data(cfg)
    flip_test = pose.metadata['flip_test']
    cfg.model.test_cfg = dict(cfg.model.get('test_cfg') or {},
                              flip_test=flip_test)
    columns = {}
    with tempfile.TemporaryDirectory() as work_dir:
        runner = build_test_runner(cfg, args.checkpoint, work_dir)
        model = runner.model
        own = model.predict
        if args.checkpoint:
            codec = model.head.decoder
            columns[f'PyTorch, {type(codec).__name__}'] = evaluate(runner, own)
            score = pose.metadata.get('score', 'stock')
            if not isinstance(codec, DarkHeatmap) or score != 'stock':
                model.dataset_meta = runner.test_dataloader.dataset.metainfo
                apply_dark(model, score=score)
                columns['PyTorch, made DARK'] = evaluate(runner, own)
        infer = openvino_infer(args.onnx) if args.openvino else pose.infer
        columns[EXPORTED] = evaluate(runner, predictor(infer, model))

    metrics = [found for found, _ in columns.values()]
    table = markdown_table(['metric', *columns], [
        [key, *(f'{found[key]:.4f}' for found in metrics)]
        for key in metrics[0]])
    print(f'{len(columns[EXPORTED][1])} persons, '
          f'{"with" if flip_test else "without"} flip test\n\n{table}')
    if not args.checkpoint:
        return 0
    text, same = differences(*(p for _, p in list(columns.values())[-2:]))
    print(f'\n{text}\n{args.onnx} {"is" if same else "IS NOT"} the same as '
          f'{args.checkpoint}.')
    return 0 if same else 1
