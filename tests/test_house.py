"""CONTRIBUTING.md and its drawing of the house, held against the imports."""
import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest
from mmpose_dark.functional.backends import Backend

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmpose_dark'
PAGE = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
#: the door, which leads everywhere, and what holds one line
DOORS = '__init__.py', '__main__.py', 'version.py'


def name_of(path):
    """The name that a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob('*.py')
           if '.mim' not in path.parts}


def folder_of(module):
    """The package that a module lies in; a package lies in itself."""
    return (module if MODULES[module].name == '__init__.py'
            else module.rpartition('.')[0])


@lru_cache(maxsize=None)
def tree_of(path):
    return ast.parse(path.read_text(encoding='utf-8'))


def imports_of(path, package=''):
    """(module, name in it or None) of ours, wherever they are imported."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES:
                    yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ''
            if node.level:
                above = package.split('.')[:node.level * -1 + 1 or None]
                module = '.'.join([*above, *filter(None, [module])])
            for alias in node.names:
                whole = f'{module}.{alias.name}'
                if whole in MODULES:
                    yield whole, None
                elif module in MODULES:
                    yield module, alias.name


IMPORTS = {module: sorted(set(imports_of(path, folder_of(module))), key=str)
           for module, path in MODULES.items()}


def drawing():
    """Rows of rooms, from the roof to the cellar, as module names."""
    rows, outer = [], []
    for line in PAGE.splitlines():
        found = re.match(r'(?:[│ ]  )?[├└]─ (.*)', line)
        if not found:
            continue
        rooms = []
        for text in re.split(r'\s{2,}', found[1]):
            if not re.fullmatch(r'\w+(/|\.py)', text):
                break
            rooms.append(text)
        assert rooms, line
        if line[0] in '├└':
            outer = ['mmpose_dark']
        else:
            outer = rows[-1][:1]
        paths = [ROOT.joinpath(*outer[0].split('.'), room) for room in rooms]
        for path in paths:
            assert path.is_dir() or path.is_file(), f'no {path}'
        rows.append([name_of(path) for path in paths])
    return rows


ROWS = drawing()


def room_of(module):
    """The row of the drawing that a module is in, and its room."""
    rooms = [(number, room) for number, row in enumerate(ROWS)
             for room in row if f'{module}.'.startswith(f'{room}.')]
    return max(rooms, key=lambda found: len(found[1]))


def test_every_room_is_in_the_drawing():
    drawn = [room for row in ROWS for room in row]
    there = {name_of(path) for path in PACKAGE.iterdir()
             if path.suffix == '.py' and path.name not in DOORS
             or (path / '__init__.py').exists()}
    assert there <= set(drawn)
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize('module', [
    module for module, path in MODULES.items()
    if path.parent != PACKAGE or path.name not in DOORS])
def test_imports_point_down(module):
    row, room = room_of(module)
    for other, name in IMPORTS[module]:
        if other == 'mmpose_dark.version':
            continue
        assert other != 'mmpose_dark', (
            f'{module} imports {name} through the door')
        below, its_room = room_of(other)
        assert room == its_room or below > row, (
            f'{module} imports {other}, which the drawing has above or '
            'beside it')


def private(module, name, importer):
    """Whether a name is private to a folder that an importer is not in."""
    parts = [*module.split('.'), *([name] if name else [])]
    for number, part in enumerate(parts):
        if re.match(r'_(?!_)', part):
            home = '.'.join(parts[:number])
            if home in MODULES:
                home = folder_of(home)
            return not f'{importer}.'.startswith(f'{home}.')
    return False


def test_what_is_private_stays_in_its_folder():
    wrong = [(module, other, name) for module in MODULES
             for other, name in IMPORTS[module]
             if private(other, name, folder_of(module))]
    outside = [path for folder in ('tools', 'docs', 'demo', 'configs')
               for path in (ROOT / folder).rglob('*.py')]
    wrong += [(path.name, other, name) for path in outside
              for other, name in imports_of(path) if private(other, name, '')]
    assert wrong == []
    # as attributes of what was imported as well
    for module, path in MODULES.items():
        names = {alias.asname or alias.name for node in ast.walk(tree_of(path))
                 if isinstance(node, ast.ImportFrom)
                 and (node.level or (node.module or '').startswith('mmpose_'))
                 for alias in node.names
                 if any(m.endswith(f'.{alias.name}') for m in MODULES)}
        found = [node.attr for node in ast.walk(tree_of(path))
                 if isinstance(node, ast.Attribute)
                 and isinstance(node.value, ast.Name)
                 and node.value.id in names
                 and re.match(r'_(?!_)', node.attr)]
        assert found == [], module


def test_no_imports_in_a_circle():
    done, way = set(), []

    def walk(module):
        assert module not in way, f'circle: {way[way.index(module):]}'
        if module not in done:
            way.append(module)
            for other, _ in IMPORTS[module]:
                walk(other)
            done.add(way.pop())

    for module in MODULES:
        walk(module)


def test_files_that_the_page_names_are_there():
    named = re.findall(r'`([\w./-]+(?:/|\.py|\.md))`', PAGE)
    assert len(named) > 20
    missing = [name for name in named
               if not (ROOT / name).exists()
               and not (PACKAGE / name).exists()]
    assert missing == []


def test_functions_that_the_walk_names_are_in_its_files():
    """`name` of `file.py` in the prose between two headings."""
    walk = PAGE.split('**A prediction')[1].split('\n## ')[0]
    named = re.findall(r'`([A-Za-z_]\w+)`\s+(?:of|in)\s+`([\w/]+\.py)`', walk)
    assert len(named) > 4
    for name, path in named:
        text = (PACKAGE / path).read_text(encoding='utf-8')
        assert re.search(rf'(?:def|class) {name}\b', text), (name, path)


def test_commands_of_the_page_run_a_test():
    path, word = re.search(
        r"make test ARGS='(tests/\S+) -k (\w+)'", PAGE).groups()
    assert re.search(rf'def test_\w*{word}', (ROOT / path).read_text(
        encoding='utf-8'))


def test_the_page_has_every_operation_of_a_framework():
    section = PAGE.split('## Another framework')[1].split('\n## ')[0]
    named = set(re.findall(r'`(\w+)`', section))
    operations = {*Backend.__abstractmethods__, *Backend.__annotations__}
    assert operations - named == set()
