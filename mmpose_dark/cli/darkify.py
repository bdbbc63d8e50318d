"""Write the DARK version of a stock config and print what differs."""
import difflib
from typing import List

from ..conventions import SCORES
from .arguments import KeyValues, new_parser
from .configs import read_config
from .outputs import check_output


def main(argv: List[str], prog: str) -> int:
    """Write it, and print the difference."""
    parser = new_parser(prog, __doc__)
    parser.add_argument(
        'src', help='a config, or a name like mmpose::body_2d_keypoint/...')
    parser.add_argument('out', nargs='?', help='the file to write')
    parser.add_argument(
        '--head', action='store_true',
        help='swap the heads too: exact merge of the flip test')
    parser.add_argument(
        '--device-targets', action='store_true',
        help='have the head draw the heatmaps to train on; needs --head')
    parser.add_argument(
        '--alignment', choices=['keep', 'udp'], default='keep',
        help='udp: align crops and heatmaps at the corners, which is for '
        'networks to train anew (default: keep)')
    parser.add_argument(
        '--score', choices=SCORES, default='stock',
        help='similarity: keypoint scores are the OKS to expect; needs --head')
    parser.add_argument(
        '--codec', nargs='+', action=KeyValues, default={},
        metavar='KEY=VALUE', help='arguments of the codec, such as peak=raw')
    args = parser.parse_args(argv)

    from rich.console import Console
    from rich.syntax import Syntax

    from ..config import darkify
    check_output(args.out, args.src)
    stock = read_config(args.src)
    dark = darkify(
        stock, head=args.head, device_targets=args.device_targets,
        alignment=args.alignment, score=args.score, **args.codec)
    diff = difflib.unified_diff(
        stock.pretty_text.splitlines(), dark.pretty_text.splitlines(),
        args.src, args.out or 'darkified', n=1, lineterm='')
    console = Console()
    if console.is_terminal:
        console.print(Syntax('\n'.join(diff), 'diff', theme='ansi_dark',
                             background_color='default'))
    else:
        print('\n'.join(diff))
    if args.out:
        dark.dump(args.out)
    return 0
