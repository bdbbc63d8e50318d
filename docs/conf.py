"""Sphinx: the pages of this folder, and the API from the docstrings."""
import mmpose_dark
from docutils import nodes
from latex2mathml.converter import convert

project = 'mmpose_dark'
author = 'The mmpose_dark authors'
release = version = mmpose_dark.__version__

extensions = [
    'myst_nb', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon',
    'sphinx.ext.viewcode', 'sphinx_copybutton', 'sphinx_design'
]
myst_enable_extensions = ['colon_fence', 'dollarmath']
myst_heading_anchors = 3
nb_execution_mode = 'off'  # the notebook is handed in with its outputs
exclude_patterns = ['_build', 'jupyter_execute']
html_theme = 'furo'
html_title = 'mmpose_dark'
html_show_copyright = False
html_static_path = ['_static']
html_css_files = ['formulas.css']
copybutton_exclude = '.linenos, .gp, .go'
# Inherited docstrings are MMPose's, not ours to mend.
autodoc_inherit_docstrings = False
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'
# Attributes of a class inside its entry: autodoc lists them as well.
napoleon_use_ivar = True
# MMPose's `Note:` lists of symbols, and sections that it has beside Google's.
napoleon_custom_sections = [
    ('Encoded', 'params_style'), 'Required Keys', 'Added Keys']
html_math_renderer = 'mathml'


def inline_math(translator, node):
    """Write a formula in a line."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block_math(translator, node):
    """Write a formula on its own."""
    formula = convert(node.astext(), display='block')
    translator.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app):
    """Have formulas written as MathML, which browsers draw offline."""
    app.add_html_math_renderer(
        'mathml', (inline_math, None), (block_math, None))
