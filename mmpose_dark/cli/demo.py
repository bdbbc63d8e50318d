"""Poses of the people in images and videos, read by DARK.

INPUT is an image, a video, a folder of both, or a glob pattern in quotes. The
people are where --bboxes or the detector of --det says; without either, each
image is taken for one person. The default network knows the figures of
the command ``figures`` only; for photographs give one of your own, of which a
config of a stock codec is decoded by DARK too. Writes, under --out, every
image and video with the poses drawn in, and predictions.json: COCO-style
images, categories and annotations, whose keypoints are x, y and score. A file
that cannot be read is reported and skipped, and the exit status is 1.
"""
import argparse
import json
import sys
from pathlib import Path
from typing import Any, Iterator, List

from ..shipped import FIGURES
from .arguments import new_parser
from .progress import Progress

#: the network that comes with the repository
CONFIG = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
CHECKPOINT = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'


def run(path: Path, name: str, readers: Any, boxes: Any, coco: Any,
        args: argparse.Namespace) -> Iterator[None]:
    """Everything for one file; yields after each image."""
    from ..visualization import files
    fps = files.frame_rate(path)
    pictures = files.Pictures(args.out / 'visualizations', name, fps)
    for frame, image in enumerate(files.read(path)):
        if boxes is None:
            found = readers.boxes(image)
        elif (name, frame) in boxes:
            found = boxes[name, frame]
        elif (name, 0) in boxes:
            found = boxes[name, 0]  # of a video given as one image
        else:
            raise files.BrokenFile(f'--bboxes has no image {name!r}')
        samples = readers.predict(image, found)
        people = samples['DARK'].pred_instances if samples else []
        coco.add(name, frame if fps else None, image, people)
        pictures.write(readers.draw(image, samples, args.kpt_thr))
        yield
    pictures.close()


def main(argv: List[str], prog: str) -> int:
    """Find, draw and write."""
    parser = new_parser(prog, __doc__)
    parser.add_argument('input', help='image, video, folder or "glob"')
    parser.add_argument('--config', default=CONFIG,
                        help='default: the network of the drawn figures')
    parser.add_argument('--checkpoint', help='weights of --config')
    parser.add_argument('--out', type=Path, default='demo_out/poses')
    people = parser.add_mutually_exclusive_group()
    people.add_argument('--det', help='config or name of an mmdet detector')
    people.add_argument('--bboxes', help='COCO file with the people in each '
                        'file, by file_name from INPUT on')
    parser.add_argument('--det-weights', help='weights of --det')
    parser.add_argument('--compare', action='store_true',
                        help='draw stock decoding in cyan and DARK in red')
    parser.add_argument('--uncertainty', action='store_true',
                        help='draw the 95 %% ellipse of every joint, and keep '
                        'covariances in predictions.json (image px^2)')
    parser.add_argument('--kpt-thr', type=float, default=0.3,
                        help='lowest score of what is drawn (%(default)s)')
    parser.add_argument('--device', help='default: a GPU if there is one')
    args = parser.parse_args(argv)
    if args.checkpoint is None:
        if args.config != CONFIG:
            parser.error('--config needs its --checkpoint')
        args.checkpoint = CHECKPOINT
    if bool(args.det) != bool(args.det_weights):
        parser.error('--det and --det-weights belong together')

    from ..visualization import files
    paths, base = files.find_files(args.input)
    if not paths:
        parser.error(f'no image or video in {args.input}')
    from mmpose.apis import MMPoseInferencer

    from ..visualization.poses import PoseReaders
    try:
        boxes = files.load_boxes(args.bboxes) if args.bboxes else None
        inferencer = MMPoseInferencer(
            str(args.config), str(args.checkpoint), device=args.device,
            det_model=args.det or 'whole_image', det_weights=args.det_weights,
            det_cat_ids=0).inferencer
        readers = PoseReaders(inferencer, args.compare, args.uncertainty)
    except (OSError, ValueError) as error:
        parser.error(str(error))

    coco = files.CocoFile(inferencer.model.dataset_meta)
    broken = 0
    with Progress() as progress:
        task = progress.add_task('images', total=sum(
            files.count_images(path) for path in paths))
        for path in paths:
            name = path.relative_to(base).as_posix()
            try:
                for _ in run(path, name, readers, boxes, coco, args):
                    progress.advance(task)
            except files.BrokenFile as error:
                broken += 1
                print(f'skipped {path}: {error}', file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    result = args.out / 'predictions.json'
    result.write_text(json.dumps(coco.content))
    print(f'{len(coco.content["annotations"])} poses in '
          f'{len(coco.content["images"])} images: {args.out}/visualizations, '
          f'{result}' + (f'; {broken} files skipped' if broken else ''))
    return 1 if broken else 0
