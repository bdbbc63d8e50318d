"""Evaluation: keep what a network predicts, read and score it in many ways.

::

    runner = build_test_runner(load_config(config), checkpoint, 'work_dirs')
    kept = predict(runner)
    rows = compare(kept, runner.test_evaluator.metrics[0])
    add_intervals(rows, base=rows[0])
    print(comparison_table(rows))
"""
from .._markdown import markdown_table
from .comparison import (
    add_intervals,
    coco_metric,
    compare,
    comparison_table,
    summary,
)
from .heatmaps import MERGES, KeptHeatmaps, decoders, predict
from .metric import DarkCocoMetric
from .ranking import ap_gain, evaluated, promised_scores
from .reliability import LEVELS, Reliability, reliability_table
from .runner import build_test_runner, only_test
from .saved import load
from .timing import environment, take_turns
from .vectors import KeptVectors

__all__ = [
    'LEVELS', 'MERGES', 'DarkCocoMetric', 'KeptHeatmaps', 'KeptVectors',
    'Reliability', 'add_intervals', 'ap_gain', 'build_test_runner',
    'coco_metric', 'compare', 'comparison_table', 'decoders', 'environment',
    'evaluated', 'load', 'markdown_table', 'only_test', 'predict',
    'promised_scores', 'reliability_table', 'summary', 'take_turns'
]
