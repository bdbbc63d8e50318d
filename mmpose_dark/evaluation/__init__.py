"""Evaluation: keep what a network predicts, read and score it in many ways.

::

    runner = build_test_runner(load_config(config), checkpoint, 'work_dirs')
    kept = predict(runner)
    rows = compare(kept, runner.test_evaluator.metrics[0])
    add_intervals(rows, base=rows[0])
    print(comparison_table(rows))
"""
from .comparison import (
    add_intervals,
    coco_metric,
    compare,
    comparison_table,
    summary,
)
from .heatmaps import MERGES, KeptHeatmaps, decoders, load, predict
from .runner import build_test_runner, only_test
from .timing import take_turns
from .vectors import KeptVectors

__all__ = [
    'MERGES', 'KeptHeatmaps', 'KeptVectors', 'add_intervals',
    'build_test_runner', 'coco_metric', 'compare', 'comparison_table',
    'decoders', 'load', 'only_test', 'predict', 'summary', 'take_turns'
]
