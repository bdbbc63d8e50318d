"""Evaluation: keep what a network predicts, read and score it in many ways.

::

    runner = build_test_runner(load_config(config), checkpoint, 'work_dirs')
    kept = predict(runner)
    rows = compare(kept, runner.test_evaluator.metrics[0])
    add_intervals(rows, base=rows[0])
    print(comparison_table(rows), verdict_text(verdict(rows, rows[0])))
"""
from ..markdown import markdown_table
from .calibration import calibration_report, report_text
from .comparison import (
    add_intervals,
    coco_metric,
    compare,
    compare_each,
    comparison_table,
    summary,
)
from .heatmaps import MERGES, KeptHeatmaps, predict
from .metric import DarkCocoMetric
from .ranking import (
    ap_gain,
    evaluated,
    evaluated_in_image,
    mmpose_scores,
    promised_scores,
    promised_similarities,
)
from .reliability import LEVELS, Reliability, reliability_table
from .runner import build_test_runner, only_test
from .saved import load
from .timing import environment, take_turns
from .verdicts import verdict, verdict_text

__all__ = [
    'DarkCocoMetric', 'KeptHeatmaps', 'LEVELS', 'MERGES',
    'Reliability', 'add_intervals', 'ap_gain', 'build_test_runner',
    'calibration_report', 'coco_metric', 'compare', 'compare_each',
    'comparison_table',
    'environment', 'evaluated', 'evaluated_in_image', 'load',
    'markdown_table',
    'mmpose_scores', 'only_test', 'predict', 'promised_scores',
    'promised_similarities', 'reliability_table', 'report_text', 'summary',
    'take_turns', 'verdict', 'verdict_text'
]
