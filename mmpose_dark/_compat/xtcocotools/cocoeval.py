"""The evaluation of keypoints, those of hands, feet and faces included."""
import contextlib
import io
import json
import warnings
from collections import defaultdict
from typing import Any, Dict

import numpy as np
from pycocotools import cocoeval

#: of an iou type: where its keypoints are, and its scores
_WHOLE = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts',
          'righthand_kpts')
_TYPES = {
    'keypoints_wholebody': (_WHOLE, 'wholebody_score'),
    'keypoints_foot': (('foot_kpts', ), 'foot_score'),
    'keypoints_face': (('face_kpts', ), 'face_score'),
    'keypoints_lefthand': (('lefthand_kpts', ), 'lefthand_score'),
    'keypoints_righthand': (('righthand_kpts', ), 'righthand_score'),
}
_OTHER = ('keypoints', ), 'score'


class COCOeval(cocoeval.COCOeval):
    """pycocotools' evaluation, of any kind of keypoints.

    It is handed annotations in which the keypoints, the score and the area
    that count stand where it looks for them.

    Args:
        cocoGt, cocoDt (COCO): Annotations and results
        iouType (str): ``'keypoints'``, with ``'_crowd'``, ``'_wholebody'``,
            ``'_foot'``, ``'_face'``, ``'_lefthand'`` or ``'_righthand'``
            behind it; ``'bbox'`` and ``'segm'`` as pycocotools has them
        sigmas (np.ndarray, optional): The OKS constants in shape (K, ).
            Defaults to those of COCO
        use_area (bool): Whether annotations have an ``area``; otherwise it is
            taken for .53 of the box. Defaults to ``True``
    """

    stats: Any

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None,
                 iouType: str = 'keypoints', sigmas: Any = None,
                 use_area: bool = True) -> None:
        self.kind = iouType or 'keypoints'
        self.use_area = use_area
        plain = 'keypoints' if 'keypoints' in self.kind else self.kind
        super().__init__(cocoGt, cocoDt, plain)
        if sigmas is not None:
            self.params.kpt_oks_sigmas = sigmas
        self.sigmas = getattr(self.params, 'kpt_oks_sigmas', None)
        self.score_key = _TYPES.get(self.kind, _OTHER)[1]
        if cocoGt is not None:
            self.anno_file = cocoGt.anno_file

    def _prepare(self) -> None:
        if 'keypoints' not in self.kind:
            super()._prepare()
            return
        p = self.params
        chosen = dict(imgIds=p.imgIds, **(
            dict(catIds=p.catIds) if p.useCats else {}))
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        self.evalImgs: Any = defaultdict(list)
        self.eval: Any = {}
        # Numbered from 1: to pycocotools an id of 0 is no match.
        for number, truth in enumerate(self._annotations(
                self.cocoGt, chosen), 1):
            keypoints = self._keypoints(truth)
            count = _labelled(keypoints)
            if self.kind == 'keypoints_crowd':  # it has those with v = 2 only
                count = truth['num_keypoints']
            self._gts[truth['image_id'], truth['category_id']].append({
                **truth, 'id': number, 'keypoints': keypoints,
                'ignore': count == 0 or truth.get('iscrowd', 0),
                **self._area(truth)})
        unscored = False
        for result in self._annotations(self.cocoDt, chosen):
            keypoints = self._keypoints(result)
            unscored |= self.score_key not in result
            if _labelled(keypoints):
                self._dts[result['image_id'], result['category_id']].append({
                    **result, 'keypoints': keypoints,
                    'score': result.get(self.score_key, result['score'])})
        if unscored:
            warnings.warn(f"'{self.score_key}' not found, use 'score' "
                          'instead.', stacklevel=2)

    @staticmethod
    def _annotations(coco: Any, chosen: Any) -> Any:
        return coco.loadAnns(coco.getAnnIds(**chosen))

    def _keypoints(self, annotation: Any) -> Any:
        parts = _TYPES.get(self.kind, _OTHER)[0]
        return [value for part in parts for value in annotation[part]]

    def _area(self, truth: Any) -> Dict[str, float]:
        if self.use_area and 'area' in truth:
            return {}
        _, _, width, height = truth['bbox']
        return dict(area=width * height * 0.53)

    def summarize(self) -> None:
        """Print and keep ``stats``: 10 of keypoints, 9 of CrowdPose."""
        super().summarize()
        if self.kind == 'keypoints_crowd':
            # AP and AR without those by area; then AP by how crowded it is.
            plain = [self.stats[i] for i in (0, 1, 2, 5, 6, 7)]
            self.stats = np.array(plain + self.get_type_result(.2, .8))

    def get_type_result(self, first: float = 0.01,
                        second: float = 0.85) -> Any:
        """AP of the images whose ``crowdIndex`` is low, medium and high."""
        with open(self.anno_file[0]) as file:
            images = json.load(file)['images']
        results = []
        for low, high in ((-np.inf, first), (first, second), (second, np.inf)):
            self.params.imgIds = [image['id'] for image in images
                                  if low <= image['crowdIndex'] < high]
            with contextlib.redirect_stdout(io.StringIO()):
                self.evaluate()
                self.accumulate()
            precision = self.eval['precision'][:, :, :, 0]
            results.append(round(np.mean(precision), 4))
        for name, result in zip(('easy', 'medium', 'hard'), results):
            print(f' Average Precision  (AP) @[ crowd={name:>6} ] = '
                  f'{result:0.3f}')
        return results


def _labelled(keypoints: np.ndarray) -> Any:
    return np.count_nonzero(np.array(keypoints)[2::3] > 0)
