"""A data set and its annotations."""
import json
from typing import Any

import numpy as np
from pycocotools import coco


class COCO(coco.COCO):
    """pycocotools' data set with what xtcocotools adds.

    Args:
        annotation_file (str, optional): A file in the COCO format
        test_index (Sequence[int], optional): The keypoints to keep
        ann_data (dict, optional): What the file holds, if it is read already
    """

    def __init__(self, annotation_file: Any = None, test_index: Any = None,
                 ann_data: Any = None) -> None:
        super().__init__()
        self.anno_file = [annotation_file]
        self.test_index = test_index
        if annotation_file is None:
            return
        if ann_data is None:
            with open(annotation_file) as file:
                ann_data = json.load(file)
        if not isinstance(ann_data, dict):
            raise TypeError(f'{annotation_file} must hold a JSON object, got '
                            f'a {type(ann_data).__name__}')
        for annotation in ann_data.get('annotations', []):
            annotation.setdefault('iscrowd', False)
            if test_index is not None:
                triples = np.reshape(annotation['keypoints'], (-1, 3))
                annotation['keypoints'] = triples[test_index].ravel().tolist()
        self.dataset = ann_data
        self.createIndex()

    # pycocotools takes a string for the list of its letters.

    def getAnnIds(self, imgIds: Any = (), catIds: Any = (), areaRng: Any = (),
                  iscrowd: Any = None) -> Any:
        """Ids of the annotations that fit, an area at the low end included."""
        ids = super().getAnnIds(_listed(imgIds), _listed(catIds),
                                iscrowd=iscrowd)
        if len(areaRng) == 0:
            return ids
        low, high = areaRng
        return [i for i in ids if low <= self.anns[i]['area'] < high]

    def getCatIds(self, catNms: Any = (), supNms: Any = (),
                  catIds: Any = ()) -> Any:
        """Ids of the categories that fit."""
        return super().getCatIds(*map(_listed, (catNms, supNms, catIds)))

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> Any:
        """Ids of the images that fit."""
        return super().getImgIds(_listed(imgIds), _listed(catIds))

    def loadAnns(self, ids: Any = ()) -> Any:
        """Annotations by their ids."""
        return super().loadAnns(_listed(ids))

    def loadCats(self, ids: Any = ()) -> Any:
        """Categories by their ids."""
        return super().loadCats(_listed(ids))

    def loadImgs(self, ids: Any = ()) -> Any:
        """Images by their ids."""
        return super().loadImgs(_listed(ids))

    def loadRes(self, resFile: Any, resData: Any = None) -> Any:
        """A data set of results for these images; there may be none."""
        if len(self.anno_file) == 1:
            self.anno_file.append(resFile)
        if isinstance(resFile, str) and resData is None:
            with open(resFile) as file:
                resData = json.load(file)
        found = resFile if resData is None else resData
        results = COCO()
        if isinstance(found, list) and not found:
            results.dataset = dict(images=list(self.dataset['images']),
                                   annotations=[])
        else:
            results.dataset = super().loadRes(found).dataset
        results.createIndex()
        return results


def _listed(ids: Any) -> Any:
    return [ids] if isinstance(ids, str) else ids
