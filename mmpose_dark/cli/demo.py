"""Poses of the people in images and videos, read by DARK.

INPUT is an image, a video, a folder of both, a glob pattern in quotes or a
URL; there may be several. Without options a public network of MMPose's finds
the poses, and MMPose's own detector the people; both are fetched once. A
config of a stock codec is read by DARK too.

Writes, under --out, every image and video with the poses drawn in, and
predictions.json: COCO-style images, categories and annotations, whose
keypoints are x, y and score. A file that cannot be read is reported and
skipped. The exit status is 1 where that happens, and where there is no pose
to see. With --smooth, poses of a video have a track_id, smoothed_keypoints and
smoothed_covariances too; who was missed for a while has only these.
"""
import argparse
import socket
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import numpy as np

from ..conventions import SCORES
from ..shipped import FIGURES
from . import networks, video
from .arguments import new_parser
from .detectors import load_detector
from .devices import check_device
from .errors import CannotRun
from .outputs import check_folder, check_output
from .progress import Progress, track

#: the network of --figures
CONFIG = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
CHECKPOINT = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'
#: how many pictures --figures draws
DRAWN = 6
#: so many joints of one person above --kpt-thr are a pose
FEWEST = 3
#: how long a host on the web may be silent; s
TIMEOUT = 20

#: packages whose warnings are not shown
OTHERS = r'(mmcv|mmdet|mmengine|mmpose|pkg_resources|torch|torchvision)(\.|$)'

#: from name, number of the frame and image to the people in it
Finder = Callable[[str, int, np.ndarray], Any]


def main(argv: List[str], prog: str) -> int:
    """Find, draw and write."""
    args = _arguments(argv, prog)
    check_device(args.device)
    check_folder(args.out)
    socket.setdefaulttimeout(TIMEOUT)
    # What they are about to lose is not for who looks at a photo.
    warnings.filterwarnings('ignore', module=OTHERS)
    if args.figures and args.input:
        print('Note: the network of --figures knows drawn people only, no '
              'photographs', file=sys.stderr)
    if not args.input:
        args.input, args.bboxes = _draw_figures(args)
    result = args.out / 'predictions.json'
    check_output(result, args.bboxes)

    from ..visualization import files, results
    sources = files.find_sources(args.input)
    videos = [source for source in sources
              if args.smooth and files.kind_of(source.name) == 'video']
    if args.smooth and not videos:
        raise CannotRun('--smooth is for videos, and there is none in '
                        f'{" ".join(args.input)}')
    _check_pictures(args.out, sources)
    try:
        readers, find = (_load_file if args.onnx else _load)(args)
    except networks.Unreachable as error:
        error.tell(prog)
        return 2
    coco = results.CocoFile(readers.dataset_meta)
    skipped = 0
    try:
        with Progress() as progress:
            task = progress.add_task('images', total=len(sources))
            for source in sources:
                try:
                    run = video.smooth if source in videos else _run
                    for steps in run(source, find, readers, coco, args):
                        progress.update(task, advance=1 / steps)
                except files.BrokenFile as error:
                    skipped += 1
                    print(f'skipped {source.where}: {error}', file=sys.stderr)
    finally:  # what is done is kept, also where it is stopped
        if coco.content['images']:
            coco.write(result)
            print(f'{_number(coco.content["annotations"], "pose")} in '
                  f'{_number(coco.content["images"], "image")}: '
                  f'{args.out / "visualizations"}, {result}')
    if skipped:
        print(f'{skipped} of {len(sources)} files skipped', file=sys.stderr)
    unseen = _why_nothing_is_seen(coco.content, args)
    if unseen:
        print(f'{prog}: {unseen}', file=sys.stderr)
    return 1 if skipped or unseen else 0


def _arguments(argv: List[str], prog: str) -> argparse.Namespace:
    parser = new_parser(prog, __doc__)
    parser.add_argument('input', nargs='*', metavar='INPUT',
                        help='image, video, folder, "pattern" or URL')
    parser.add_argument('--config', help='of the network: a path, or a name '
                        'like mmpose::body_2d_keypoint/... (default: '
                        'HRNet-W32 of COCO, 256x192)')
    parser.add_argument('--checkpoint', help='its weights, a path or URL '
                        '(default: those that MMPose publishes)')
    parser.add_argument('--onnx', metavar='FILE', help='a file of mmpose-dark '
                        'export in place of --config and --checkpoint; each '
                        'image is one person, if nothing says otherwise')
    people = parser.add_mutually_exclusive_group()
    people.add_argument('--det-config', help='of a detector of MMDet, which '
                        'finds the people (default: as MMPose, RTMDet)')
    people.add_argument('--detector', metavar='MODULE:FUNCTION',
                        help='a function of yours, from an image (BGR) to '
                        'boxes (N, 4): left, top, right, bottom')
    people.add_argument('--bboxes', help='COCO file with the people in each '
                        'file, by file_name from INPUT on; where it has '
                        'keypoints, --compare draws them as the truth')
    people.add_argument('--whole-image', action='store_true',
                        help='each image is one person: no detector')
    parser.add_argument('--det-checkpoint', help='weights of the detector')
    parser.add_argument('--figures', action='store_true',
                        help='the network that comes with this package, which '
                        f'knows drawn people only; without INPUT {DRAWN} '
                        'pictures are drawn. Needs no network connection')
    parser.add_argument('--compare', action='store_true',
                        help='beside each picture, enlarged, the joints that '
                        'stock decoding and DARK read most differently')
    parser.add_argument('--uncertainty', action='store_true',
                        help='draw the 95 %% ellipse of every joint, and keep '
                        'covariances in predictions.json (image px^2)')
    parser.add_argument('--smooth', action='store_true',
                        help='follow the people of a video and smooth their '
                        'keypoints through time; with --compare beside what '
                        'was read. Without INPUT, of --figures, one is drawn')
    parser.add_argument('--score', choices=SCORES,
                        help='similarity: the OKS to expect of each joint, 0 '
                        'to 1, in place of what the network puts out')
    parser.add_argument('--kpt-thr', type=float, default=.3,
                        help='lowest score of what is drawn (%(default)s)')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--out', type=Path, default='demo_out/poses',
                        help='folder for what is written (%(default)s)')
    args = parser.parse_args(argv)
    if not args.input and not args.figures:
        parser.error('give an INPUT, or --figures to see drawn people')
    if args.figures and (args.config or args.checkpoint or args.det_config
                         or args.det_checkpoint):
        parser.error('--figures has a network of its own and no detector')
    for name in ('config', 'checkpoint', 'figures', 'device', 'det_config',
                 'det_checkpoint', *([] if args.smooth else ['compare'])):
        if args.onnx and getattr(args, name):
            parser.error(f'--{name.replace("_", "-")} is for networks of '
                         'MMPose, not for --onnx')
    if args.det_checkpoint and (args.bboxes or args.whole_image
                                or args.detector):
        parser.error('--det-checkpoint is of no use with --bboxes, '
                     '--detector or --whole-image')
    if not args.input and (args.bboxes or args.whole_image or args.detector):
        parser.error('--figures without INPUT knows where its people are')
    return args


def _draw_figures(args: argparse.Namespace) -> Tuple[List[str], Path]:
    """Drawn people, and the file that says where they are."""
    from .. import synthetic
    folder = args.out / 'figures'
    if args.smooth:
        found = synthetic.make_video(folder, progress=partial(
            track, description='drawing'))
        return [str(folder / 'people.mp4')], found
    found = synthetic.make_figures(folder, DRAWN, seed=2)
    return [str(folder / 'images')], found


def _check_pictures(out: Path, sources: List[Any]) -> None:
    from ..visualization.results import picture_path
    read = {Path(source.where).resolve() for source in sources}
    for source in sources:
        path = picture_path(out / 'visualizations', source.name)
        if path.resolve() in read:
            raise CannotRun(f'{path} is what is read: nothing overwrites its '
                            'input, name another folder by --out')


def _load(args: argparse.Namespace) -> Tuple[Any, Finder]:
    """The networks, or what stands in for the detector."""
    from mmengine.device import get_device

    from ..checkpoints import load_model
    from ..config import darkify
    find = _finder(args)
    poses = networks.pose_network(
        *((str(CONFIG), str(CHECKPOINT)) if args.figures else
          (args.config, args.checkpoint)))
    darkify(poses.cfg)  # refused here, it is before all downloads
    detector = None if find else networks.detector(
        args.det_config, args.det_checkpoint, poses.cfg)
    networks.fetch([poses, detector] if detector else [poses])

    device = args.device or get_device()
    if detector:
        from ..visualization import people
        find = _of_images(people.PersonDetector(
            detector.cfg, detector.checkpoint, device, detector.categories))
    model = load_model(poses.cfg, poses.checkpoint, device)
    # after the last of what has MMPose's registries look elsewhere
    from ..visualization.poses import PoseReaders
    readers = PoseReaders(model, args.compare and not args.smooth,
                          args.uncertainty or args.smooth,
                          args.score or 'stock')
    readers.uncertainty = args.uncertainty
    return readers, find


def _load_file(args: argparse.Namespace) -> Tuple[Any, Finder]:
    """An exported file, and what finds the people."""
    from ..visualization import files
    from ..visualization.exported import ExportedReader
    reader = ExportedReader(args.onnx, args.uncertainty or args.smooth,
                            args.score)
    reader.uncertainty = args.uncertainty
    return reader, _finder(args) or _of_images(files.whole_image)


def _finder(args: argparse.Namespace) -> Any:
    """What finds people without a network of MMDet's, if that is asked."""
    from ..visualization import files
    if args.bboxes:
        given = files.load_people(args.bboxes)

        def found(name: str, frame: int, image: np.ndarray) -> Any:
            for key in ((name, frame), (name, 0)):  # 0: of a video as one
                if key in given:
                    return given[key]
            raise files.BrokenFile(f'--bboxes has no image {name!r}')

        return found
    if args.detector:
        return _of_images(load_detector(args.detector))
    if args.whole_image or args.figures:
        return _of_images(files.whole_image)
    return None


def _of_images(find: Callable[[np.ndarray], Any]) -> Finder:
    """A finder that looks at the image alone."""
    from ..visualization import files
    return lambda name, frame, image: files.People(find(image))


def _run(source: Any, find: Finder, readers: Any, coco: Any,
         args: argparse.Namespace) -> Iterator[int]:
    """Everything for one file; yields, after each image, how many it has."""
    from ..visualization import files, results
    with files.opened(source) as images, results.Pictures(
            args.out / 'visualizations', source.name,
            images.fps) as pictures:
        for frame, image in enumerate(images):
            people = find(source.name, frame, image)
            samples = readers.predict(image, people.boxes)
            found = samples['DARK'].pred_instances if samples else []
            pictures.write(readers.draw(image, samples, args.kpt_thr,
                                        people.joints))
            coco.add(source.name, frame if images.fps else None, image, found)
            yield len(images)


def _number(things: List[Any], name: str) -> str:
    return f'{len(things)} {name}{"" if len(things) == 1 else "s"}'


def _why_nothing_is_seen(content: Any, args: argparse.Namespace) -> str:
    """Empty where there is a pose; otherwise what is likely the matter."""
    if not content['images']:
        return f'nothing was read, and {args.out} is left as it was'
    people = content['annotations']
    if not people:
        return ('--bboxes says that nobody is there' if args.bboxes else
                'the detector found nobody.\nBoxes of people go to --bboxes; '
                'where one person fills each picture, say --whole-image')
    scores = [np.reshape(person['keypoints'], (-1, 3))[:, 2]
              for person in people]
    if any((some >= args.kpt_thr).sum() >= FEWEST for some in scores):
        return ''
    reason = (
        'Leave --figures away for photographs' if args.figures else
        'Each image was taken for one person who fills it: leave '
        '--whole-image away, or give --bboxes' if args.whole_image else
        'Was the network trained on pictures like these, and are the people '
        'large enough? --kpt-thr draws what is fainter')
    return (f'no pose to see: nobody has {FEWEST} joints with a score of '
            f'{args.kpt_thr:g} or more (the best joint: '
            f'{max(map(np.max, scores)):.2f}).\n{reason}')
