"""What setup.cfg cannot say: ``mmpose_dark/.mim``, and links of the README.

OpenMMLab tools look in that folder for configs and tools. A wheel carries
copies, checkpoints beside the configs included; an editable install has links.
"""
import configparser
import os
import re
import shutil
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

MIM = os.path.join('mmpose_dark', '.mim')
NAMES = [
    name for name in ('configs', 'tools', 'model-index.yml')
    if os.path.exists(name)
]


def copy(name, folder):
    if os.path.isdir(name):
        shutil.copytree(
            name,
            os.path.join(folder, name),
            ignore=shutil.ignore_patterns('__pycache__'))
    else:
        shutil.copy(name, folder)


def link(name, folder):
    try:
        os.symlink(
            os.path.relpath(name, folder), os.path.join(folder, name))
    except OSError:  # Windows, without the right to make links
        copy(name, folder)


def fill(folder, place):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in NAMES:
        place(name, folder)


def read_me():
    """README.md as a package index shows it: relative links have no place."""
    config = configparser.ConfigParser()
    config.read('setup.cfg', encoding='utf-8')
    address = config['metadata']['url']
    with open('README.md', encoding='utf-8') as file:
        text = file.read()
    here = r'\]\()(?!\w+:|#)'
    text = re.sub(rf'(!\[[^\]]*{here}', rf'\1{address}/raw/main/', text)
    return re.sub(f'({here}', rf'\1{address}/blob/main/', text)


class BuildWithMim(build_py):
    def run(self):
        super().run()
        if not getattr(self, 'editable_mode', False):
            fill(os.path.join(self.build_lib, MIM), copy)


if __name__ == '__main__':
    if {'develop', 'editable_wheel'} & set(sys.argv):
        fill(MIM, link)
    setup(
        cmdclass={'build_py': BuildWithMim},
        long_description=read_me(),
        long_description_content_type='text/markdown')
