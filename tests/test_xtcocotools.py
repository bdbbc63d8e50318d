"""The stand-in for xtcocotools against stored results of the real one.

``python tests/test_xtcocotools.py`` writes these anew where xtcocotools is
installed (Python up to 3.11, numpy 1).
"""
import contextlib
import importlib
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

STORED = Path(__file__).with_name('xtcocotools_statistics.json')
#: parts of an annotation and their numbers of keypoints
PARTS = dict(keypoints=17, foot_kpts=6, face_kpts=20, lefthand_kpts=8,
             righthand_kpts=8)
KINDS = {
    'keypoints': 17,
    'keypoints_crowd': 17,
    'keypoints_wholebody': sum(PARTS.values()),
    'keypoints_foot': 6,
    'keypoints_face': 20,
    'keypoints_lefthand': 8,
    'keypoints_righthand': 8,
}
CASES = [(kind, ids, use_area, own_sigmas) for kind, ids, use_area, own_sigmas
         in itertools.product(KINDS, ('int', 'str'), (True, False),
                              (True, False))
         if own_sigmas or KINDS[kind] == 17]


def make_set(ids):
    """Annotations and results: crowds, unlabelled people, equal scores."""
    rng = np.random.default_rng(7)
    images, truths, results = [], [], []
    for i in range(24):
        image = f'frame {i}' if ids == 'str' else i
        images.append(dict(id=image, crowdIndex=(i % 12) / 12,
                           width=640, height=480))
        for _ in range(rng.integers(0, 4)):
            box = [*rng.uniform(0, 400, 2), *rng.uniform(20, 200, 2)]
            truth = dict(
                id=len(truths), image_id=image, category_id=1, bbox=box,
                area=float(np.prod(box[2:]) * rng.uniform(.3, .8)),
                iscrowd=int(rng.random() < .1))
            found = dict(image_id=image, category_id=1,
                         score=round(rng.random(), 1))
            unlabelled = rng.random() < .15
            for part, num in PARTS.items():
                points = box[:2] + rng.random((num, 2)) * box[2:]
                seen = rng.integers(0, 3, num) * (not unlabelled)
                truth[part] = np.column_stack([points, seen]).ravel().tolist()
                points = points + rng.normal(0, rng.choice([2, 12]),
                                             points.shape)
                score = rng.random(num) * (rng.random() > .05)
                found[part] = np.column_stack(
                    [points, score]).ravel().tolist()
                if i % 2 and part != 'keypoints':
                    found[part.replace('kpts', 'score')] = rng.random()
            if i % 2:
                found['wholebody_score'] = rng.random()
            truth['num_keypoints'] = int(
                np.count_nonzero(np.array(truth['keypoints'])[2::3] > 1))
            truths.append(truth)
            if rng.random() < .9:
                results.append(found)
            if rng.random() < .3:  # somebody who is not there
                results.append({**found, 'score': rng.random()})
    return dict(images=images, annotations=truths,
                categories=[dict(id=1, name='person')]), results


def statistics(package, kind, ids, use_area, own_sigmas, folder):
    coco, cocoeval = (importlib.import_module(f'{package}.{name}')
                      for name in ('coco', 'cocoeval'))
    truths, results = make_set(ids)
    path = folder / f'{ids}.json'
    path.write_text(json.dumps(truths))
    sigmas = np.linspace(.02, .1, KINDS[kind]) if own_sigmas else None
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO(str(path))
        evaluation = cocoeval.COCOeval(truth, truth.loadRes(results), kind,
                                       sigmas, use_area)
        evaluation.evaluate()
        evaluation.accumulate()
        sums = [float(evaluation.eval[name].sum())
                for name in ('precision', 'recall', 'scores')]
        evaluation.summarize()
    return [*map(float, evaluation.stats), *sums]


@pytest.mark.filterwarnings('ignore:.*not found, use .score. instead')
@pytest.mark.parametrize('case', CASES, ids=str)
def test_statistics(case, tmp_path):
    want = json.loads(STORED.read_text())[str(case)]
    got = statistics('mmpose_dark._compat.xtcocotools', *case, tmp_path)
    assert max(want) > .1
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_data_set(tmp_path):
    from mmpose_dark._compat.xtcocotools.coco import COCO
    truths, _ = make_set('str')
    del truths['annotations'][0]['iscrowd']
    path = tmp_path / 'truths.json'
    path.write_text(json.dumps(truths))
    coco = COCO(str(path), test_index=[2, 0])
    person = truths['annotations'][0]
    image = person['image_id']
    ids = coco.getAnnIds(image)
    assert ids == coco.getAnnIds([image])
    assert coco.loadImgs(image)[0]['id'] == image
    mine = coco.loadAnns(ids)[0]
    assert mine['iscrowd'] is False
    assert mine['keypoints'] == (
        person['keypoints'][6:9] + person['keypoints'][:3])
    areas = sorted(a['area'] for a in truths['annotations'])
    assert len(coco.getAnnIds(areaRng=[areas[3], areas[5]])) == 2
    assert coco.getImgIds(image) == [image]
    assert coco.getCatIds('person') == [1]
    assert coco.loadRes([]).getAnnIds() == []
    again = COCO(str(path), ann_data=truths)
    assert again.getAnnIds() == coco.getAnnIds()


@pytest.mark.parametrize('content', ['[]', '3'])
def test_no_data_set(tmp_path, content):
    from mmpose_dark._compat.xtcocotools.coco import COCO
    path = tmp_path / 'truths.json'
    path.write_text(content)
    with pytest.raises(TypeError, match='truths.json must hold a JSON object'):
        COCO(str(path))


def test_no_results_make_no_precision(tmp_path):
    from mmpose_dark._compat.xtcocotools import coco, cocoeval
    truths, _ = make_set('int')
    path = tmp_path / 'truths.json'
    path.write_text(json.dumps(truths))
    truth = coco.COCO(str(path))
    evaluation = cocoeval.COCOeval(truth, truth.loadRes([]))
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == 0


if __name__ == '__main__':
    import tempfile
    with tempfile.TemporaryDirectory() as name:
        STORED.write_text(json.dumps({
            str(case): statistics('xtcocotools', *case, Path(name))
            for case in CASES}, indent=0) + '\n')
