"""Poses of the people in images and videos, read by DARK.

INPUT is an image, a video, a folder of both, or a glob pattern in quotes. The
people are where --bboxes or the detector of --det says; without either, each
image is taken for one person. The default network knows the figures of
tools/make_figures.py only; for photographs give one of your own, of which a
config of a stock codec is decoded by DARK too. Writes, under --out, every
image and video with the poses drawn in, and predictions.json: COCO-style
images, categories and annotations, whose keypoints are x, y and score. A file
that cannot be read is reported and skipped, and the exit status is 1.
"""
import argparse
import copy
import json
import sys
from pathlib import Path

import cv2
import mmcv
import numpy as np

# First of all, see mmpose_dark/_compat.py: before mmpose.apis.
from mmpose_dark import DarkHeatmap, apply_dark
from demo_files import (
    BrokenFile,
    CocoFile,
    Pictures,
    find_files,
    kind_of,
    load_boxes,
    read,
)
from mmpose.apis import MMPoseInferencer, inference_topdown
from mmpose.structures import merge_data_samples
from tqdm import tqdm

FIGURES = (Path(__file__).resolve().parents[1] /
           'configs/body_2d_keypoint/topdown_heatmap/figures')
#: the network that comes with the repository
CONFIG = FIGURES / 'td-hm_res18-thin_dark-1xb64-8e_figures-128x96.py'
CHECKPOINT = FIGURES / 'td-hm_res18-thin_dark_figures-128x96.pth'

#: what --compare enlarges a picture to, by a whole number; px
COMPARE_SIZE = 1600


def stock_reading(model):
    """A copy of a DARK model that decodes as MSRAHeatmap does.

    By the standard shift, the flip test merged as by the stock head.
    """
    model = copy.deepcopy(model)
    head = model.head
    head.decoder.decoding = 'shift'
    head.flip_shift = 'stock'
    head.output_covariance = False
    return model


class Readers:
    """The models that read one image, by name, and the colour of each."""

    def __init__(self, args):
        self.inferencer = MMPoseInferencer(
            str(args.config), str(args.checkpoint), device=args.device,
            det_model=args.det or 'whole_image', det_weights=args.det_weights,
            det_cat_ids=0).inferencer
        model = self.inferencer.model
        dark = isinstance(model.head.decoder, DarkHeatmap)
        self.models = {}
        if args.compare:
            self.models['stock'] = (
                stock_reading(model) if dark else copy.deepcopy(model))
        self.models['DARK'] = model if dark else apply_dark(model)
        self.colours = ({'stock': 'cyan', 'DARK': 'red'} if args.compare else
                        {'DARK': None})

    def boxes(self, image):
        """Those of the detector; without one, the whole image."""
        data = self.inferencer.preprocess_single(image, index=0)
        return np.concatenate(
            [d['data_samples'].gt_instances.bboxes for d in data])

    def predict(self, image, boxes):
        """A sample of all people by name; no names where nobody is."""
        if len(boxes) == 0:
            return {}
        return {name: merge_data_samples(
            inference_topdown(model, image, boxes))
            for name, model in self.models.items()}

    def draw(self, image, samples, threshold):
        """The image (BGR) with the poses, drawn by MMPose's visualizer."""
        compare = len(self.models) > 1
        zoom = COMPARE_SIZE // max(image.shape[:2]) if compare else 1
        zoom = max(1, zoom)
        picture = cv2.resize(image, None, fx=zoom, fy=zoom)
        visualizer = self.inferencer.visualizer
        thick = max(1, round(min(picture.shape[:2]) / 400))
        picture = mmcv.bgr2rgb(picture)
        for name, sample in samples.items():
            # Where both agree, DARK's disc lies on the wider one.
            visualizer.line_width = 1 if compare else thick
            visualizer.radius = thick + (3 if name == 'stock' else 1)
            sample = copy.deepcopy(sample)
            people = sample.pred_instances
            # Pixel i of the image is in the middle of those it becomes; the
            # visualizer cuts off fractions.
            people.keypoints = people.keypoints * zoom + zoom / 2
            people.bboxes = people.bboxes * zoom
            if compare:
                visualizer.kpt_color = self.colours[name]
                visualizer.link_color = self.colours[name]
            picture = visualizer.add_datasample(
                name, picture, sample, draw_gt=False, kpt_thr=threshold,
                draw_bbox=not compare)
        picture = mmcv.rgb2bgr(picture)
        if compare:
            for row, colour in enumerate(self.colours.items()):
                label(picture, row, *colour)
        return picture


def label(picture, row, name, colour):
    """What is drawn in which colour, in the upper left corner."""
    at = 10, 30 + 34 * row
    for paint, width in ((0, 0, 0), 6), (mmcv.color_val(colour), 2):
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_SIMPLEX, 1, paint,
                    width, cv2.LINE_AA)


def run(path, name, readers, boxes, coco, args, progress):
    """Everything for one file."""
    video = kind_of(path) == 'video'
    fps = mmcv.VideoReader(str(path)).fps or 25 if video else None
    pictures = Pictures(args.out / 'visualizations', name, fps)
    for frame, image in enumerate(read(path)):
        if boxes is None:
            found = readers.boxes(image)
        elif (name, frame) in boxes:
            found = boxes[name, frame]
        elif (name, 0) in boxes:
            found = boxes[name, 0]  # of a video given as one image
        else:
            raise BrokenFile(f'--bboxes has no image {name!r}')
        samples = readers.predict(image, found)
        people = samples['DARK'].pred_instances if samples else []
        coco.add(name, frame if video else None, image, people)
        pictures.write(readers.draw(image, samples, args.kpt_thr))
        progress.update()
    pictures.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
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
    parser.add_argument('--kpt-thr', type=float, default=0.3,
                        help='lowest score of what is drawn (%(default)s)')
    parser.add_argument('--device', help='default: a GPU if there is one')
    args = parser.parse_args()
    if args.checkpoint is None:
        if args.config != CONFIG:
            parser.error('--config needs its --checkpoint')
        args.checkpoint = CHECKPOINT
    if bool(args.det) != bool(args.det_weights):
        parser.error('--det and --det-weights belong together')
    files, base = find_files(args.input)
    if not files:
        parser.error(f'no image or video in {args.input}')
    try:
        boxes = load_boxes(args.bboxes) if args.bboxes else None
    except ValueError as error:
        parser.error(str(error))

    readers = Readers(args)
    coco = CocoFile(readers.inferencer.model.dataset_meta)
    broken = 0
    with tqdm(unit='image') as progress:
        progress.total = sum(
            len(mmcv.VideoReader(str(path))) if kind_of(path) == 'video'
            else 1 for path in files)
        for path in files:
            name = path.relative_to(base).as_posix()
            try:
                run(path, name, readers, boxes, coco, args, progress)
            except BrokenFile as error:
                broken += 1
                progress.write(f'skipped {path}: {error}', file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    result = args.out / 'predictions.json'
    result.write_text(json.dumps(coco.content))
    print(f'{len(coco.content["annotations"])} poses in '
          f'{len(coco.content["images"])} images: {args.out}/visualizations, '
          f'{result}' + (f'; {broken} files skipped' if broken else ''))
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
