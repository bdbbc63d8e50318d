"""Sphinx: the pages of this folder, and the API from the docstrings."""
import mmpose_dark

project = 'mmpose_dark'
author = 'The mmpose_dark authors'
release = version = mmpose_dark.__version__

extensions = [
    'myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.mathjax',
    'sphinx.ext.napoleon', 'sphinx.ext.viewcode'
]
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 3
exclude_patterns = ['_build']
html_theme = 'alabaster'
html_theme_options = dict(
    description='DARK for MMPose', fixed_sidebar=True, page_width='1100px')
# Inherited docstrings are MMPose's, not ours to mend.
autodoc_inherit_docstrings = False
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'
# Attributes of a class inside its entry: autodoc lists them as well.
napoleon_use_ivar = True
# MMPose's `Note:` lists of symbols, and sections that it has beside Google's.
napoleon_custom_sections = [
    ('Encoded', 'params_style'), 'Required Keys', 'Added Keys']
